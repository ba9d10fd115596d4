# Personal data and secrets only, for text that has been screened for attacks elsewhere. Both detectors have to
# answer; what they find is to be masked before the text goes on.
package policy

version := "2"

description := "Personal data and secrets only, for text that has been screened for attacks elsewhere; they are masked."

plan := {
	"content_types": ["text/plain"],
	"detectors": ["presidio_analyzer", "detect_secrets"],
	"required": ["presidio_analyzer", "detect_secrets"],
	"coverage": {"method": "REQUIRED_SET", "threshold": 1.0},
	"conflict": "most_restrictive",
	"fail_mode": {"default": "open"},
}

decision := {"action": action, "reasons": reasons, "redact": ["PII", "SECRET"]}

default action := "allow"

action := "redact" if {
	some finding in input.findings
	is_private(finding.label)
} else := "flag" if {
	count(reasons) > 0
}

reasons contains sprintf("%s was found", [finding.label]) if {
	some finding in input.findings
	finding.label != "OTHER.Safe"
}

reasons contains "the findings are not mapped" if not input.mapped

reasons contains "a detector that had to look did not" if not input.coverage.enough

is_private(label) if strings.any_prefix_match(label, ["PII.", "SECRET."])
