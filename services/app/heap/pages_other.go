//go:build !linux

package heap

func largePages() {}
