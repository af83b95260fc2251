# F18, a few rounds of it: see long_schedulers.sh.
FAULT_ROUNDS=${FAULT_ROUNDS:-3}
. "$SOURCE/tests/faults/long_schedulers.sh"
