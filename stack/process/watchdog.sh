# The watchdog of a workspace, which is started by watchdog.ts with FOLDER as its only argument.
#
# Reads from its standard input, which is a pipe that only the owner of the workspace holds:
#   add PID SIGNAL    supervise this process and all that descend from it; SIGNAL asks it to end
#   remove PID        it has ended, so its number may belong to a stranger by now
# The end of the pipe means that the owner is gone, for whatever reason. Then every supervised
# process is ended, with all descendants and group members, and the folder is removed.
#
# Plain sh and /proc (or ps, where there is no /proc), for slim images have neither pgrep nor ps.

trap '' INT TERM HUP PIPE
unset WATCHDOG_SCRIPT
cd / || exit 1
folder=$1
supervised=''

# Prints "PID PARENT GROUP STATE" of every process.
processes() {
  if [ -r /proc/self/stat ]; then
    for file in /proc/[0-9]*/stat; do
      { read -r line <"$file"; } 2>/dev/null || continue
      pid=${file#/proc/}
      # The name in parentheses may hold blanks and parentheses: what follows the last one counts.
      # shellcheck disable=SC2086
      set -- ${line##*) }
      echo "${pid%/stat} $2 $3 $1"
    done
  else
    ps -A -o pid= -o ppid= -o pgid= -o stat=
  fi
}

contains() { # LIST PID
  case " $1 " in *" $2 "*) return 0 ;; esac
  return 1
}

# Adds to $doomed every process that descends from one in it, or is in the group of one.
add_descendants() {
  table=$(processes)
  before=''
  while [ "$before" != "$doomed" ]; do
    before=$doomed
    while read -r pid parent group state; do
      case $state in Z*) continue ;; esac
      contains "$doomed" "$pid" && continue
      if contains "$doomed" "$parent" || contains "$doomed" "$group"; then
        doomed="$doomed $pid"
      fi
    done <<TABLE
$table
TABLE
  done
}

any_alive() { # LIST
  table=$(processes)
  while read -r pid _ _ state; do
    case $state in Z*) continue ;; esac
    contains "$1" "$pid" && return 0
  done <<TABLE
$table
TABLE
  return 1
}

# Waits until none of LIST is alive, for five seconds at most.
wait_for() { # LIST
  tries=100
  while [ $tries -gt 0 ] && any_alive "$1"; do
    sleep 0.05
    tries=$((tries - 1))
  done
}

ask_to_end() {
  asked=''
  for entry in $supervised; do
    pid=${entry%:*}
    signal=${entry#*:}
    [ "$signal" = KILL ] && continue
    kill -s "$signal" "$pid" 2>/dev/null && asked="$asked $pid"
  done
  [ -z "$asked" ] || wait_for "$asked"
}

# Halts all before it kills any, so that none can start another in between.
kill_all() {
  halted=''
  while
    add_descendants
    [ "$halted" != "$doomed" ]
  do
    halted=$doomed
    for pid in $doomed; do kill -s STOP "$pid" 2>/dev/null; done
  done
  for pid in $doomed; do kill -s KILL "$pid" 2>/dev/null; done
  wait_for "$doomed"
}

remove_folder() {
  [ -n "$folder" ] || return 1
  tries=20
  while [ -e "$folder" ] && [ $tries -gt 0 ]; do
    rm -rf -- "$folder" 2>/dev/null || chmod -R u+rwx -- "$folder" 2>/dev/null
    [ -e "$folder" ] && sleep 0.05
    tries=$((tries - 1))
  done
  [ ! -e "$folder" ]
}

while read -r verb pid signal; do
  case $verb in
    add) supervised="$supervised $pid:$signal" ;;
    remove)
      kept=''
      for entry in $supervised; do
        [ "${entry%:*}" = "$pid" ] || kept="$kept $entry"
      done
      supervised=$kept
      ;;
  esac
done

doomed=''
for entry in $supervised; do doomed="$doomed ${entry%:*}"; done
if [ -n "$doomed" ]; then
  # Whoever descends from a supervised process now must still be found when that one has ended.
  add_descendants
  ask_to_end
  kill_all
fi
remove_folder
