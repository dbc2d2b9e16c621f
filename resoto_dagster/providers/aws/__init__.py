"""AWS: its kinds, and how they are collected, deleted and tagged."""

from collections.abc import Mapping

from resoto_dagster.providers.aws.declaration import PROVIDER, AwsKind
from resoto_dagster.providers.aws.kinds import KINDS
from resoto_dagster.providers.aws.settings import AwsSettings
from resoto_dagster.providers.base import EventSource, ProviderSession


class AwsProvider:
    """The provider `aws`. botocore is loaded when a session is opened, not before."""

    @property
    def name(self) -> str:
        """Its name in settings, assets and scopes."""
        return PROVIDER

    @property
    def settings_model(self) -> type[AwsSettings]:
        """The model of the section `aws` in the settings."""
        return AwsSettings

    @property
    def kinds(self) -> Mapping[str, AwsKind]:
        """All kinds by name."""
        return KINDS

    def open(self, settings: AwsSettings) -> ProviderSession:
        """Open a session. Makes no call yet."""
        from resoto_dagster.providers.aws.session import AwsSession

        return AwsSession(settings, KINDS)

    def tells_events(self, settings: AwsSettings) -> bool:
        """Whether the settings name a queue of events."""
        return settings.events is not None

    def open_events(self, settings: AwsSettings) -> EventSource:
        """Open the queue of events that the settings name. Makes no call yet."""
        from resoto_dagster.providers.aws.event_queue import EventQueue

        return EventQueue(settings, KINDS)


provider = AwsProvider()
