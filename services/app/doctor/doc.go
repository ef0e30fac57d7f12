// Package doctor looks for what is wrong with a machine, a database and its settings, before it costs anybody
// anything, and says what to do about each finding.
//
// It promises to change nothing. Every check gives exactly one line: ok, warning (works now, will not for ever) or bad
// (a promise of the program does not hold). It names no person, no place and no secret. What it cannot find out it
// says, as a warning; it does not replace the metrics, which tell how things change.
package doctor
