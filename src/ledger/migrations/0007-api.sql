-- Keys of the HTTP API, and what was answered to requests that a customer may have to send twice.

create table api_key (
  id uuid primary key,
  name text not null,
  -- SHA-256 of the key: 32 random bytes need neither salt nor stretching.
  hash bytea not null unique check (length(hash) = 32),
  scopes text[] not null check (cardinality(scopes) > 0),
  created_at timestamptz not null default now(),
  revoked_at timestamptz,
  -- To the minute: a key that is in use all day writes a row a minute, not one a request.
  last_used_at timestamptz
);

create table idempotency_key (
  -- The id of the API key that sent it, for two customers may choose the same one; or "cli", or "library".
  owner text not null,
  -- SHA-256: people put order numbers and phone numbers into these.
  key_hash bytea not null,
  -- SHA-256 of the request.
  fingerprint bytea not null,
  -- Both stand when the row is visible to others; the answer is sealed, for it may hold a webhook's secret.
  status smallint,
  answer text,
  created_at timestamptz not null default now(),
  primary key (owner, key_hash)
);
create index idempotency_key_age on idempotency_key (created_at);
