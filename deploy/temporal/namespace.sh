#!/bin/sh
# Waits for Temporal and makes the namespace; safe to run again. Search attributes are registered by the worker.
set -eu
until temporal operator cluster health >/dev/null 2>&1; do sleep 1; done
temporal operator namespace describe -n default >/dev/null 2>&1 ||
  temporal operator namespace create -n default --retention 30d
