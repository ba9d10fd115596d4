# For texts that must not pass unseen. Attacks and secrets are stopped, in the output of a model harmful content
# too; personal data are masked. Every detector fails closed: when one gave nothing, nothing passes.
package policy

version := "1"

description := "Attacks and secrets are blocked, personal data masked, and no detector may be missing."

plan := {
	"content_types": ["text/plain"],
	"coverage": {"method": "REQUIRED_SET", "threshold": 1.0},
	"conflict": "most_restrictive",
	"fail_mode": {"default": "closed"},
}

decision := {"action": action, "reasons": reasons, "redact": ["PII"]}

default action := "allow"

action := "block" if {
	some finding in input.findings
	stops(finding.label)
} else := "block" if {
	not input.mapped
} else := "redact" if {
	some finding in input.findings
	startswith(finding.label, "PII.")
} else := "flag" if {
	count(reasons) > 0
}

reasons contains sprintf("%s was found", [finding.label]) if {
	some finding in input.findings
	finding.label != "OTHER.Safe"
}

reasons contains "the findings are not mapped" if not input.mapped

reasons contains "a detector that had to look did not" if not input.coverage.enough

stops(label) if strings.any_prefix_match(label, ["PROMPT_INJECTION.", "JAILBREAK.", "SECRET."])

stops(label) if {
	input.direction == "output"
	startswith(label, "HARM.")
}
