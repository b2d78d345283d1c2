"""What an entry of `dingtalk_configs` holds."""

from __future__ import annotations

from pydantic import SecretStr, field_validator

from work_data_hub.alerting.kind import SinkConfig


class DingTalkConfig(SinkConfig):
    """url: the robot's webhook, its access_token in it. secret: what 加签 shows, `SEC...`."""

    url: SecretStr
    secret: SecretStr

    @field_validator("url")
    @classmethod
    def _is_a_robots(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if not url.startswith(("https://", "http://")) or "access_token=" not in url:
            raise ValueError("is no robot's webhook: https://...?access_token=...")
        return value
