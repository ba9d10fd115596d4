package policy

clean := {"mapped": true, "findings": [], "coverage": {"enough": true}}

found(label) := {"mapped": true, "findings": [{"label": label, "score": 0.9}], "coverage": {"enough": true}}

test_clean_text_is_allowed if {
	decision == {"action": "allow", "reasons": set()} with input as clean
}

test_safe_is_no_finding if {
	action == "allow" with input as found("OTHER.Safe")
}

test_finding_is_flagged if {
	action == "flag" with input as found("PII.Contact.Email")
}

test_what_cannot_be_read_is_not_clean if {
	action == "flag" with input as found("OTHER.ModelError")
}

test_unmapped_is_not_clean if {
	action == "flag" with input as {"mapped": false, "findings": [], "coverage": {"enough": true}}
}

test_too_little_coverage_is_not_clean if {
	action == "flag" with input as {"mapped": true, "findings": [], "coverage": {"enough": false}}
}
