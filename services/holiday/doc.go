// Package holiday knows which days are public holidays of a country as a whole, and which country a time zone is of.
//
// The days are facts listed for some countries and years, not rules: what a government decides late, such as a day off for an
// election, is missing until the list is renewed, and a brand can add it to its own settings. A country or year that is not
// listed is unknown, which is told apart from a day that is none. Days that one region alone keeps are not here.
package holiday
