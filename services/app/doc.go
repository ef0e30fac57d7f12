// Package app is the command line: what may be typed, what it is called in the environment and in a file, and what is
// printed. Putting a node together is the package node's; this package only asks for one.
//
// It promises that wrong settings are reported together, that secrets can be given without standing on a command line,
// and that a program which reads gets JSON where it asks for it. Help and configuration table are made from the same
// struct, so they cannot differ.
package app
