package campaign

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/google/uuid"
)

// Gate 10. Who is held out, and who reads which variant, is chance, drawn once and for all from the ids of the brand or
// the campaign and of the person: the same on every node, at every moment, whatever else is known. A larger share holds
// out those of a smaller one and some more. Draws for the brand, for each campaign and for its variants are independent of
// each other.

// The draws.
const (
	drawBrand    = "brand holdout"
	drawCampaign = "campaign holdout"
	drawVariant  = "variant "
)

// draw is a number from 0 to below 1, uniform over people.
func draw(what string, of, person uuid.UUID) float64 {
	buffer := make([]byte, 0, 128)
	buffer = append(buffer, of[:]...)
	buffer = append(buffer, person[:]...)
	buffer = append(buffer, what...)
	sum := sha256.Sum256(buffer)
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// assigned holds people out and gives the others their variant. A notice about what the person has is not the brand's
// marketing, whose worth the brand's holdout measures, and is held back only by a holdout of its own. Test people are
// never held out.
func (j *judged) assigned() (Reason, map[string]string) {
	if !j.test {
		if share := j.Brand.Settings.Holdout; share > 0 && j.class != Transactional && draw(drawBrand, j.Brand.ID, j.PersonID) < share {
			j.decision.Arm = ArmHeldOut
			return HeldOut, map[string]string{"of": "brand"}
		}
		if share := j.campaign.Holdout; share > 0 && draw(drawCampaign, j.campaign.ID, j.PersonID) < share {
			j.decision.Arm = ArmHeldOut
			return HeldOut, map[string]string{"of": "campaign"}
		}
	}
	if j.variant = j.campaign.variantOf(j.PersonID); j.variant != nil {
		j.decision.Arm = j.variant.Name
	}
	return "", nil
}

// variantOf is what a person reads of the campaign; nil: there are no variants. Each variant draws by itself and the least
// of -ln(draw)/weight wins (weighted rendezvous): shares are as the weights, and a changed weight or a new variant moves
// only the people it must, whatever the order of the list.
func (c *Campaign) variantOf(person uuid.UUID) (best *Variant) {
	least := math.Inf(1)
	for i := range c.Variants {
		v := &c.Variants[i]
		if v.Weight <= 0 {
			continue
		}
		score := -math.Log(1-draw(drawVariant+v.Name, c.ID, person)) / float64(v.Weight)
		if score < least || best == nil {
			best, least = v, score
		}
	}
	return best
}
