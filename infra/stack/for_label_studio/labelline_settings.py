"""Label Studio's own Django settings, with a SQLite on which a writer waits instead of failing, and with our guard.

As delivered, a transaction begins as a reader, and SQLite fails it with "database is locked" the moment it wants to
write while somebody else does, however long it would have been willing to wait. Label Studio then does part of its work
anew and the rest never: an import keeps its tasks and loses their predictions (`tasks/review/posting/prefills.py`).
So here a transaction takes the write lock when it begins (`transaction_mode`), which waits, and readers wait for
nobody (a write-ahead log). With tasks and predictions in one transaction that cannot fail halfway, nobody is ever
served a task without its proposals.

Other databases than SQLite are left as they are: PostgreSQL has no such lock.

The guard (`labelline_guard`) says who may do what; beside it stand the settings that nobody's environment may loosen.
`labelline_page` keeps a class chosen that somebody has chosen.

Source:
    https://docs.djangoproject.com/en/5.2/ref/databases/#sqlite-transaction-behavior and
    https://www.sqlite.org/lang_transaction.html
"""

# The first import fills this module: Label Studio's next one reads settings while it is being loaded itself.
from label_studio.core.settings.base import *  # noqa: F403
from label_studio.core.settings.label_studio import *  # noqa: F403
from label_studio.core.settings.label_studio import DATABASES
from label_studio.core.settings.label_studio import INSTALLED_APPS as THEIR_APPS
from label_studio.core.settings.label_studio import MIDDLEWARE as THEIR_MIDDLEWARE

WAIT_S = 20
"""How long a writer waits for another one: as long as our outbox gives a dead sender's import to end."""

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        **DATABASES["default"].get("OPTIONS", {}),
        "timeout": WAIT_S,
        "transaction_mode": "IMMEDIATE",
        # `synchronous` stays at FULL, its default: what people said survives a power cut.
        "init_command": "PRAGMA journal_mode=WAL;",
    }

INSTALLED_APPS = [*THEIR_APPS, "labelline_guard.Guard"]
MIDDLEWARE = ["labelline_origins.RefuseForeignOrigins", *THEIR_MIDDLEWARE, "labelline_page.keep_class_selected"]
CORS_ALLOW_ALL_ORIGINS = False

SSRF_PROTECTION_ENABLED = True
"""What a person names is never fetched from this machine or its network; the guard lets our doorbell through."""

USE_DEFAULT_BANNED_SUBNETS = True
ML_BLOCK_LOCAL_IP = True
ALLOW_ORGANIZATION_CREATION = False
ENABLE_LOCAL_FILES_STORAGE = False
LOCAL_FILES_SERVING_ENABLED = False
"""A storage of local files reads whatever this account can read, the stack's own secrets too."""
