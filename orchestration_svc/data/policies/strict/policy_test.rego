package policy

found(label, direction) := {
	"mapped": true,
	"direction": direction,
	"findings": [{"label": label, "score": 0.9}],
	"coverage": {"enough": true},
}

test_clean_text_is_allowed if {
	action == "allow" with input as {
		"mapped": true,
		"direction": "input",
		"findings": [],
		"coverage": {"enough": true},
	}
}

test_attacks_are_blocked if {
	action == "block" with input as found("PROMPT_INJECTION.Direct", "input")
}

test_secrets_are_blocked if {
	action == "block" with input as found("SECRET.ApiKey", "output")
}

test_personal_data_are_masked if {
	action == "redact" with input as found("PII.Contact.Email", "input")
}

test_harm_is_blocked_on_the_way_out if {
	action == "block" with input as found("HARM.VIOLENCE.Threat", "output")
}

test_harm_is_flagged_on_the_way_in if {
	action == "flag" with input as found("HARM.VIOLENCE.Threat", "input")
}

test_unmapped_does_not_pass if {
	action == "block" with input as {
		"mapped": false,
		"direction": "input",
		"findings": [],
		"coverage": {"enough": true},
	}
}
