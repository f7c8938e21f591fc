# The watchdog of a workspace. watchdog.ts starts it with FOLDER as its only argument.
#
# It reads commands from standard input, a pipe that only the owner of the workspace holds:
#   add PID SIGNAL    supervise this process and its descendants; SIGNAL asks it to end
#   remove PID        the process has ended, and the system may reuse its number
# The pipe ends when the owner has ended for any reason. Then the watchdog ends every supervised
# process with all descendants and group members, and removes the folder.
#
# It uses plain sh and /proc (or ps without /proc), because slim images have neither pgrep nor ps.

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
      # The name in parentheses may contain blanks and parentheses, so cut after the last one.
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

# Adds to $doomed all descendants and group members of the processes in it.
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

# Waits until all processes of LIST have ended, for at most five seconds.
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

# Stops all processes before it kills them, so that none can start another one in between.
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
  # Find descendants now: after their supervised ancestor has ended, they can't be found.
  add_descendants
  ask_to_end
  kill_all
fi
remove_folder
