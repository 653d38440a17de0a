"""The settings that a new user begins with: every key, commented out, with its meaning."""

from __future__ import annotations

TEXT = """\
# Settings of pipeaudit. Each line below shows what may be set; take away the `#` where you want something else.
# `pipeaudit check . --show-settings` prints what holds, and where it was set.

# Rules. Codes are ids (PA201), names, kinds (PA201:scaling) or hundreds (PA2).
# select = ["PA2"]                 # run these only
# extend-select = ["PA404"]        # run these too
# ignore = ["PA323"]               # do not run these
# packs = ["smells"]               # opt-in groups: smells, repro, ops, governance, ethics, security, debt, repository
# persona = "regular"              # or "pedantic" (with smells), "auditor" (with everything)

# Files. Patterns are those of .gitignore, which is obeyed anyway.
# exclude = ["archive/"]
# extend-exclude = ["third_party/"]
# include = ["data/params.yaml"]   # looked at although something leaves it out
# projects = ["services/churn"]    # folders that are projects of their own

# What fails a build, and what is shown.
# fail-on = "core"                 # or "error", "warning", "note", "never"
# min-confidence = "low"           # or "medium", "high"
# baseline = "pipeaudit-baseline.json"

# What the program can't know. An audit asks for some of it.
# profile = "full"                 # or "training", "service", "study", "library", "platform", "none"
# subject = "people"               # or "machines", "mixed": what the predictions are about
# risk = "limited"                 # or "minimal", "high", "unacceptable", in the words of the EU AI Act
# role = "provider"                # or "deployer", "both"
# primary-metric = "roc_auc"
# attestations = "pipeaudit-attestations.yaml"
# apis = ["apis/*.yaml"]           # what calls of your own libraries mean
# extend = "settings/shared.toml"  # settings of another file here, under these

# Tables come last.
# [severity]
# PA301 = "error"

# [per-file-ignores]
# "notebooks/**" = ["PA301"]

# [stages]
# "src/prepare.py" = "preprocessing"

# [scope]
# reason = "the service is in another repository"

# [weights]
# TRN-4 = 2

# [limits]
# file-steps = 4_000_000
"""
