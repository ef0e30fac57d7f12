// Package item holds the rules of a brand's items: what can be searched, viewed, put in a basket and bought.
//
// It promises: an item that Validate accepts can be kept and shown; a searched keyword finds the same items whatever the
// case, width or spacing it was typed in. It does not store items and knows nothing of prices beyond showing them.
package item
