"""The demo's hook: what a user would put into a module of their own and name in resoto.yaml."""

from resoto_dagster.demo.estate import PROTECTED_TAG
from resoto_dagster.hooks import HookContext, hook


@hook("post_collect", required=True)
def protect_tagged(context: HookContext) -> None:
    """Protects whatever carries the tag protected=true."""
    count = context.protect(f'tags.{PROTECTED_TAG} = "true"', f"tagged {PROTECTED_TAG}=true")
    context.log.info("%s resources are protected", count)
