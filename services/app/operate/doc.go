// Package operate holds what an operator hangs beside a node: a board for Grafana, alert rules for Prometheus, and the
// runbook that says what to do about each of them, about each line of wantgo doctor, and when a database must be
// recovered.
//
// It promises that board and rules ask only for metrics and labels that nodes have, and that every rule and every
// check of the doctor has its place in the runbook: a test compares them with a node and with the doctor.
package operate

import _ "embed" // for the files

// Board is the dashboard for Grafana, as JSON.
//
//go:embed grafana.json
var Board []byte

// Alerts is the file of rules for Prometheus.
//
//go:embed alerts.yaml
var Alerts []byte

// Runbook is the text, in Markdown.
//
//go:embed RUNBOOK.md
var Runbook string
