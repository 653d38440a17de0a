"""What the keys of providers look like, for the rule that finds them and for reports, which must not show them."""

from __future__ import annotations

import re
from typing import Final

# What each provider's keys look like; a fixed prefix and a bounded run behind it, so that matching stays linear.
KEY_FORMS: Final = {
    "aws": ("AWS access key", r"(?<!Credential=)(?<!AccessKeyId=)\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    "github": ("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "github_pat": ("GitHub token", r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    "gitlab": ("GitLab token", r"\bglpat-[A-Za-z0-9_-]{20}\b"),
    "hub": ("Hugging Face token", r"\bhf_[A-Za-z]{34}\b"),
    "anthropic": ("Anthropic key", r"\bsk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{80,120}"),
    "openai": ("OpenAI key", r"\bsk-(?:proj-[A-Za-z0-9_-]{40,200}|[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20})"),
    "google": ("Google API key", r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "slack": ("Slack token", r"\bxox[abprs]-[0-9]{8,14}-[A-Za-z0-9-]{20,120}"),
    "slack_hook": (
        "Slack webhook",
        r"https://hooks\.slack\.com/services/T[A-Z0-9]{8,12}/B[A-Z0-9]{8,12}/[A-Za-z0-9]{24}",
    ),
    "stripe": ("Stripe key", r"\b[sr]k_live_[A-Za-z0-9]{24,99}\b"),
    "sendgrid": ("SendGrid key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b"),
    "azure": ("Azure storage key", r"\bAccountKey=[A-Za-z0-9+/]{86}=="),
    "databricks": ("Databricks token", r"\bdapi[0-9a-f]{32}\b"),
    "pypi": ("PyPI token", r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,200}"),
    "npm": ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    "docker": ("Docker Hub token", r"\bdckr_pat_[A-Za-z0-9_-]{27}\b"),
    "neptune": ("Neptune token", r"\beyJhcGlfYWRkcmVzcyI6[A-Za-z0-9+/=_-]{60,400}"),
    "private": (
        "private key",
        r"-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----(?:\\n|\s){1,4}[A-Za-z0-9+/=:,\s-]{40}",
    ),
}
PROVIDER_KEY: Final = re.compile("|".join(f"(?P<{group}>{pattern})" for group, (_, pattern) in KEY_FORMS.items()))
# One of these stands in every text that one of the patterns fits: looking for plain words is many times quicker.
KEY_MARKS: Final = tuple(
    """AKIA ASIA ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- hf_ sk-ant- sk-proj- T3BlbkFJ AIza xox https://hooks.slack.com
    k_live_ SG. AccountKey= dapi pypi-AgE npm_ dckr_pat_ eyJhcGlfYWRkcmVzcyI6 -----BEGIN""".split()
)
