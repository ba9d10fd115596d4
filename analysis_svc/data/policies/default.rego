# Every installed detector looks, and all of them are required. Findings are flagged for a person or a later
# step; nothing is held back. What could not be looked at or not be read is flagged too, never passed as clean.
package policy

version := "2"

description := "Every installed detector looks at the text, and all of them are required; findings are flagged."

plan := {
	"content_types": ["text/plain"],
	"coverage": {"method": "REQUIRED_SET", "threshold": 0.8},
	"conflict": "most_restrictive",
	"fail_mode": {"default": "open"},
}

decision := {"action": action, "reasons": reasons}

default action := "allow"

action := "flag" if count(reasons) > 0

reasons contains sprintf("%s was found", [finding.label]) if {
	some finding in input.findings
	finding.label != "OTHER.Safe"
}

reasons contains "the findings are not mapped" if not input.mapped

reasons contains "too little of what had to look at the text did" if not input.coverage.enough
