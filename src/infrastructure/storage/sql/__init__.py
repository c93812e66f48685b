from infrastructure.storage.sql.core_only import import_engine

import_engine()  # before any module here imports from it
