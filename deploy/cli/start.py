"""What every command begins with."""

# ruff: noqa: PLC0415 - the settings' libraries are loaded when a command runs, so that `--help` need not wait

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deploy.settings import Settings


def start(*, process: bool = False, **given: Any) -> Settings:  # noqa: ANN401 - whatever the settings are
    """Read the settings and set up the logs, to standard error.

    Args:
        process: whether this is one that runs for long and tells what it does; else only warnings are told.
        given: settings that win over environment and file.

    Raises:
        SettingsError: a setting is wrong.
    """
    from deploy.observe import set_up_logs
    from deploy.settings import load_settings

    settings = load_settings(**given)
    set_up_logs(settings.log_level if process else "warning", settings.log_format)
    return settings
