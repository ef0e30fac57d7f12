// Package item holds the rules of a brand's items: what can be searched, viewed, put in a basket and bought.
//
// It promises: an item that Validate accepts can be kept and shown; a searched keyword finds the same items whatever the
// case, width, accents, blanks or punctuation it was typed with; what is found comes in one order, the same on every node.
//
// A keyword finds an item if, both normalised (see Normalize), it is one of the item's terms, begins one, or stands
// within one. The terms are the item's names in all locales, its keywords and its category. Terms that are the keyword
// come first, then those that begin with it, then those that hold it; among these the shorter term, then the own id. A
// keyword of a single character finds terms that are it or begin with it, but none that hold it. Of a keyword or term
// that is longer than MaxKey characters only so many are compared. Nothing is guessed: no spelling is mended, no words
// are put in another order, and what is within a keyword is not looked for.
//
// It does not store items and knows nothing of prices beyond showing them.
package item
