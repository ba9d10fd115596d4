"""This product beside other guardrail servers; `benchmarks.bench_compare` runs it."""
