"""Credentials in text, by detect-secrets with named plugins."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any

from orchestration_svc.domain.detection import DetectorOutput

# The entropy plugins are left out: they flag ordinary words and identifiers. So is the one for public IP
# addresses, which are no secret.
_PLUGINS = (
    ("artifactory", "ArtifactoryDetector"),
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("cloudant", "CloudantDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("ibm_cloud_iam", "IbmCloudIamDetector"),
    ("ibm_cos_hmac", "IbmCosHmacDetector"),
    ("jwt", "JwtTokenDetector"),
    ("keyword", "KeywordDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("private_key", "PrivateKeyDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("softlayer", "SoftlayerDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)


# No pattern matches less.
_SHORTEST_LINE = 7


class SecretsDetector:
    """Answers with a list of ``{"type", "start", "end"}``, empty when nothing was found.

    Only the plugins' patterns are used; detect-secrets can also ask the provider whether a secret is live,
    and that would send it over the network.
    """

    name = "detect_secrets"
    vendor = "detect_secrets"
    content_types = frozenset({"text/plain", "text/markdown"})
    timeout_ms = 2_000
    repeatable = True

    def __init__(self) -> None:
        self.version = version("detect-secrets")
        self._plugins: list[Any] = []

    def load(self) -> None:
        """Make the plugins, whose patterns compile on import."""
        self._plugins = [
            getattr(import_module(f"detect_secrets.plugins.{module}"), name)() for module, name in _PLUGINS
        ]

    def detect(self, text: str) -> DetectorOutput:
        """Find credentials line by line, as the library's patterns expect; offsets are code points."""
        if not self._plugins:
            raise RuntimeError("load() comes first")
        found: set[tuple[int, int, str]] = set()
        begin = 0
        for line in text.splitlines(keepends=True):
            if len(line) >= _SHORTEST_LINE and not line.isspace():
                for plugin in self._plugins:
                    found.update(
                        (begin + start, begin + end, plugin.secret_type)
                        for start, end in _spans(plugin, line)
                    )
            begin += len(line)
        entries = [{"type": kind, "start": start, "end": end} for start, end, kind in sorted(found)]
        return DetectorOutput(entries)


def _spans(plugin: Any, line: str) -> Iterator[tuple[int, int]]:  # noqa: ANN401 - the library is untyped
    """Where a plugin matches; it says itself what it matched, at times a part of it, and never where."""
    secrets = set(plugin.analyze_string(line))
    if not secrets:
        return
    patterns = getattr(plugin, "denylist", None)
    if patterns is None:  # the keyword plugin: what it yields is the secret itself
        for secret in filter(None, secrets):
            start = line.find(secret)
            while start >= 0:
                yield start, start + len(secret)
                start = line.find(secret, start + len(secret))
        return
    for pattern in patterns:
        for match in pattern.finditer(line):
            # A plugin may reject what its pattern matches, as the one for web tokens does.
            if secrets.intersection((match.group(), *match.groups())):
                yield match.span()
