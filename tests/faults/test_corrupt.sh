# F22, a few hundred bytes of it: see long_corrupt.sh.
FAULT_STEP=${FAULT_STEP:-997}
. "$SOURCE/tests/faults/long_corrupt.sh"
