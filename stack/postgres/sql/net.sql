-- A stand-in for the extension pg_net 0.20: the same tables, functions and privileges.
-- Requests are sent by net.ts.

create schema net;

create domain net.http_method as text
  check (value ilike 'get' or value ilike 'post' or value ilike 'delete');

create sequence net.http_request_queue_id_seq;

create unlogged table net.http_request_queue (
  id bigint not null default nextval('net.http_request_queue_id_seq'),
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds integer not null
);
alter sequence net.http_request_queue_id_seq owned by net.http_request_queue.id;

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create index _http_response_created_idx on net._http_response (created);

-- Percent-encodes every byte except the unreserved characters of a URL.
create function net.encode_component(string text) returns text
language sql immutable set search_path = ''
as $$
  select coalesce(string_agg(
    case when piece ~ '^[A-Za-z0-9._~-]$' then piece
    else upper(regexp_replace(encode(convert_to(piece, 'utf8'), 'hex'), '(..)', '%\1', 'g')) end,
    '' order by place
  ), '')
  from unnest(string_to_array(string, null)) with ordinality as pieces (piece, place)
$$;

create function net.add_params(url text, params jsonb) returns text
language sql immutable set search_path = ''
as $$
  select url || coalesce(
    case when strpos(url, '?') > 0 then '&' else '?' end || string_agg(
      net.encode_component(key) || '=' || net.encode_component(value), '&'
    ),
    ''
  )
  from jsonb_each_text(params)
$$;

-- Notifies the worker of net.ts. As with pg_net, the notification arrives after the commit.
create function net.wake() returns void
language sql set search_path = ''
as $$
  select pg_notify('net_wake', '')
$$;

create function net.enqueue(
  method text, url text, headers jsonb, body jsonb, timeout_milliseconds integer
)
returns bigint
language plpgsql set search_path = ''
as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (method, url, headers, convert_to(body::text, 'utf8'), timeout_milliseconds)
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create function net.http_get(
  url text,
  params jsonb default '{}',
  headers jsonb default '{}',
  timeout_milliseconds integer default 5000
)
returns bigint
language sql set search_path = ''
as $$
  select net.enqueue('GET', net.add_params(url, params), headers, null, timeout_milliseconds)
$$;

create function net.http_post(
  url text,
  body jsonb default '{}',
  params jsonb default '{}',
  headers jsonb default '{"Content-Type": "application/json"}',
  timeout_milliseconds integer default 5000
)
returns bigint
language plpgsql set search_path = ''
as $$
declare
  content_type text := (
    select h.value from jsonb_each_text(coalesce(headers, '{}')) as h
    where lower(h.key) = 'content-type' limit 1
  );
begin
  if content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;
  if content_type is null then
    headers := headers || '{"Content-Type": "application/json"}';
  end if;
  return net.enqueue('POST', net.add_params(url, params), headers, body, timeout_milliseconds);
end
$$;

create function net.http_delete(
  url text,
  params jsonb default '{}',
  headers jsonb default '{}',
  timeout_milliseconds integer default 5000,
  body jsonb default null
)
returns bigint
language sql set search_path = ''
as $$
  select net.enqueue('DELETE', net.add_params(url, params), headers, body, timeout_milliseconds)
$$;

grant usage on schema net to public;
grant all on all sequences in schema net to public;
grant all on all tables in schema net to public;
