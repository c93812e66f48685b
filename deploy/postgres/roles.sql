-- The roles of Doorward in PostgreSQL, for psql as a superuser. It may be repeated, also in a
-- database that a superuser has migrated before: its tables are handed over. The database is for
-- Doorward alone: other roles but superusers can no longer connect, unless that is granted to them.
--
--   doorward_migrations  owns the tables; `doorward migrate` connects as this role
--   doorward_service     reads and writes rows, and can change no table, function or trigger
--
-- The passwords come from the environment, because arguments are shown by `ps`.

\set ON_ERROR_STOP on
\getenv migrations_password POSTGRES_MIGRATIONS_PASSWORD
\getenv service_password POSTGRES_SERVICE_PASSWORD

BEGIN;
SELECT pg_advisory_xact_lock(1685024626);

SELECT format('CREATE ROLE %I', name)
FROM unnest(ARRAY['doorward_migrations', 'doorward_service']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec

ALTER ROLE doorward_migrations LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'migrations_password';
ALTER ROLE doorward_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    PASSWORD :'service_password';

REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO doorward_migrations, doorward_service;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO doorward_migrations;
GRANT USAGE ON SCHEMA public TO doorward_service;

SELECT format('ALTER TABLE %s OWNER TO doorward_migrations', oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname IN (
    'users', 'sessions', 'rate_limits', 'audit_events', 'audit_chain', 'signing_keys',
    'one_time_tokens', 'outbox', 'second_factors', 'challenges', 'passkeys', 'passkey_handles',
    'identities', 'social_flows', 'social_codes',
    'hourly_figures', 'figure_progress', 'schema_compatibility', 'alembic_version'
)
\gexec

SELECT format('ALTER FUNCTION %s OWNER TO doorward_migrations', oid::regprocedure)
FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'doorward_')
\gexec

ALTER DEFAULT PRIVILEGES FOR ROLE doorward_migrations IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO doorward_service;
SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO doorward_service', oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    AND pg_get_userbyid(relowner) = 'doorward_migrations'
\gexec
COMMIT;
