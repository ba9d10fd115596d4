package policy

found(label) := {"mapped": true, "findings": [{"label": label, "score": 0.9}], "coverage": {"enough": true}}

test_clean_text_is_allowed if {
	action == "allow" with input as {"mapped": true, "findings": [], "coverage": {"enough": true}}
}

test_personal_data_are_masked if {
	action == "redact" with input as found("PII.Contact.Email")
}

test_secrets_are_masked if {
	action == "redact" with input as found("SECRET.ApiKey")
}

test_anything_else_is_flagged if {
	action == "flag" with input as found("OTHER.Unknown")
}

test_a_detector_that_is_missing_is_flagged if {
	action == "flag" with input as {"mapped": true, "findings": [], "coverage": {"enough": false}}
}

test_unmapped_is_not_clean if {
	action == "flag" with input as {"mapped": false, "findings": [], "coverage": {"enough": true}}
}
