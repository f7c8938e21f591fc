-- The plan of a restore has no settings in it, and so a restore had two lanes whatever the setting said.

create or replace function holdfast.plan_lanes(plan jsonb) returns integer
  language sql stable security definer set search_path = ''
as $$
  -- A wrong value must not stop the slice that will report it.
  select case when lanes ~ '^[1-9][0-9]?$' then lanes::integer else 2 end
  from (select coalesce(plan #>> '{settings,lanes}', holdfast.setting('lanes') #>> '{}') as lanes) as asked
$$;
comment on function holdfast.plan_lanes(jsonb) is
  'How many slices may work on a run at once: as its plan says, else as the setting does now.';
