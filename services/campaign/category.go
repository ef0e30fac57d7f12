package campaign

import "cmp"

// Advertises tells a campaign that the rules of advertising hold for: label, sender, opt-out text, consent and quiet hours.
// Whatever carries an offer, and whatever a fence or a flash triggers, does, whatever its category says.
func (c *Campaign) Advertises() bool {
	return cmp.Or(c.Category, Ad) == Ad || c.Offer != nil || c.Trigger.byFence() || c.Trigger.On(Flashed)
}

// class is the category that holds.
func (c *Campaign) class() Category {
	if c.Advertises() {
		return Ad
	}
	return c.Category
}
