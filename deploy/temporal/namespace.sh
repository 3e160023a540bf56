#!/bin/sh
# Waits for Temporal and creates the namespace; safe to run again. The worker registers the search attributes.
set -eu
until temporal operator cluster health >/dev/null 2>&1; do sleep 1; done
temporal operator namespace describe -n default >/dev/null 2>&1 ||
  temporal operator namespace create -n default --retention 30d
