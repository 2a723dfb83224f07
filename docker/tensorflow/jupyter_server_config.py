"""Jupyter in a container: reachable through a published port, with its token, as any user but root."""

c = get_config()  # noqa: F821  Jupyter provides it
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.open_browser = False
c.ServerApp.root_dir = "/workspace"
