"""The functions that uploaded Rego may call: a closed list.

A name is here only if the embedded engine and Open Policy Agent give the same answers for it, which
`tests/unit/orchestration_svc/policies/test_engines_agree.py` checks case by case. Nothing here reaches the
network, the clock, chance, the environment or the program; nothing makes much out of little.
"""

BUILTINS = frozenset(
    {
        "abs",
        "array.concat",
        "array.reverse",
        "array.slice",
        "ceil",
        "concat",
        "contains",
        "count",
        "endswith",
        "floor",
        "format_int",
        "indexof",
        "intersection",
        "is_array",
        "is_boolean",
        "is_null",
        "is_number",
        "is_object",
        "is_set",
        "is_string",
        "lower",
        "max",
        "min",
        "object.get",
        "object.keys",
        "object.remove",
        "object.union",
        "product",
        "replace",
        "round",
        "sort",
        "split",
        "sprintf",
        "startswith",
        "strings.any_prefix_match",
        "strings.any_suffix_match",
        "substring",
        "sum",
        "to_number",
        "trim",
        "trim_left",
        "trim_prefix",
        "trim_right",
        "trim_space",
        "trim_suffix",
        "type_name",
        "union",
        "upper",
    }
)
