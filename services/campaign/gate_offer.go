package campaign

import (
	"strconv"
	"time"
)

// available is gate 12.
func (j *judged) available() (Reason, map[string]string) {
	o := j.campaign.Offer
	if o == nil {
		return "", nil
	}
	if issued := j.Issued[o.ID]; o.PerPerson > 0 && issued >= o.PerPerson {
		return PersonLimit, map[string]string{"limit": strconv.Itoa(o.PerPerson), "count": strconv.Itoa(issued)}
	}
	if ends := o.expiry(j.Now); !ends.After(j.Now) {
		return StockGone, because("offer_over")
	}
	if o.Stock == 0 {
		return "", nil
	}
	if j.Stock == nil {
		return StockGone, because("stock_unknown")
	}
	ok, known := j.Stock.Peek(o.ID)
	if !known {
		j.round.needs = o.ID
	}
	if !known || !ok {
		return StockGone, noneLeft(o)
	}
	return "", nil
}

func noneLeft(o *Offer) map[string]string {
	return map[string]string{"why": "none_left", "stock": strconv.FormatInt(o.Stock, 10)}
}

// expiry is when a coupon issued at now ends; zero: the offer sets no end, and then there is no coupon.
func (o *Offer) expiry(now time.Time) time.Time {
	if o.Validity <= 0 {
		return o.ValidUntil
	}
	ends := now.Add(o.Validity)
	if !o.ValidUntil.IsZero() && o.ValidUntil.Before(ends) {
		return o.ValidUntil
	}
	return ends
}
