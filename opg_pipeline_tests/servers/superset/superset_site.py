"""Superset on loopback with an empty metadata database and one administrator. Runs in Superset's own environment.

Arguments: a folder for its files, the port. The administrator's password is in the environment, as SUPERSET_PASSWORD.
"""

import os
import secrets
import sys
from pathlib import Path

folder, port = Path(sys.argv[1]), int(sys.argv[2])
(folder / "superset_config.py").write_text(
    f"SECRET_KEY = {secrets.token_hex(24)!r}\n"
    f"SQLALCHEMY_DATABASE_URI = 'sqlite:///{folder / 'superset.db'}'\n"
    "WTF_CSRF_ENABLED = False\n"
    "PREVENT_UNSAFE_DB_CONNECTIONS = False\n"
    "RATELIMIT_ENABLED = False\n"
)
os.environ["SUPERSET_CONFIG_PATH"] = str(folder / "superset_config.py")
os.environ["SUPERSET_HOME"] = str(folder)

import superset  # noqa: E402
from flask_migrate import upgrade  # noqa: E402
from superset.app import create_app  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402

app = create_app()
with app.app_context():
    upgrade(directory=str(Path(superset.__file__).parent / "migrations"))
    superset.appbuilder.add_permissions(update_perms=True)
    superset.security_manager.sync_role_definitions()
    admin = superset.security_manager.find_role("Admin")
    superset.security_manager.add_user(
        "admin", "Ad", "Min", "admin@example.org", admin, password=os.environ["SUPERSET_PASSWORD"]
    )
run_simple("127.0.0.1", port, app, threaded=True)
