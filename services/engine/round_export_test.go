package engine

// Rounds is what gives decisions the ids of their rounds.
var Rounds = rounds
