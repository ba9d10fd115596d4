"""Credentials in text, by detect-secrets with named plugins."""

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


class SecretsDetector:
    """Answers with a list of ``{"type", "start", "end"}``, empty when nothing was found.

    Only the plugins' patterns are used; detect-secrets can also ask the provider whether a secret is live,
    and that would send it over the network.
    """

    name = "detect_secrets"
    vendor = "detect_secrets"
    content_types = frozenset({"text/plain", "text/markdown"})
    timeout_ms = 1_000

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
            for plugin in self._plugins:
                for secret in set(plugin.analyze_string(line)):
                    found.update(
                        (begin + place, begin + place + len(secret), plugin.secret_type)
                        for place in _places(line, secret)
                    )
            begin += len(line)
        entries = [{"type": kind, "start": start, "end": end} for start, end, kind in sorted(found)]
        return DetectorOutput(entries)


def _places(line: str, secret: str) -> list[int]:
    # The plugins say what they matched, not where.
    places: list[int] = []
    place = line.find(secret) if secret else -1
    while place >= 0:
        places.append(place)
        place = line.find(secret, place + len(secret))
    return places
