package campaign

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// unsafeSchemes must not be opened, whoever writes them.
var unsafeSchemes = set([]string{"javascript", "data", "file", "vbscript", "blob", "content", "about"})

// links refuses addresses that must not be opened or shown, and variables where they could choose the address.
func (r *review) links(prefix, deepLink, imageURL string) {
	if u := r.link(prefix+"deep_link", deepLink); u != nil {
		if _, unsafe := unsafeSchemes[u.Scheme]; unsafe {
			r.fault(prefix+"deep_link", FaultUnsafeAddress, "scheme %q must not be opened", u.Scheme)
		}
	}
	if u := r.link(prefix+"image_url", imageURL); u != nil && (u.Scheme != "https" || u.Host == "") {
		r.fault(prefix+"image_url", FaultMalformed, "an image needs an https address")
	}
}

// link is the address with stand-ins for its variables; nil: there is none, or it has a fault.
func (r *review) link(field, address string) *url.URL {
	if address == "" {
		return nil
	}
	if len(address) > maxLink {
		r.fault(field, FaultTooLong, "%d bytes, at most %d", len(address), maxLink)
		return nil
	}
	if !r.variables(field, address) {
		return nil
	}
	plain, fault := expandLink(address, func(string) string { return "x" })
	if fault != nil {
		r.fault(field, FaultVariable, "a variable may stand behind the host only: in the path, the query or the fragment")
		return nil
	}
	u, err := url.Parse(plain)
	if err != nil || u.Scheme == "" || tidy(address) != address || strings.ContainsRune(plain, ' ') {
		r.fault(field, FaultMalformed, "not an address with a scheme")
		return nil
	}
	return u
}

func (r *review) variants() {
	if len(r.c.Variants) > maxVariants {
		r.fault("variants", FaultTooLong, "%d variants, at most %d", len(r.c.Variants), maxVariants)
		return
	}
	seen := map[string]bool{ArmHeldOut: true}
	for i, v := range r.c.Variants {
		at := fmt.Sprintf("variants[%d].", i)
		if strings.TrimSpace(v.Name) == "" {
			r.fault(at+"name", FaultRequired, "a variant needs a name")
		} else if seen[v.Name] {
			r.fault(at+"name", FaultContradiction, "the name is taken")
		}
		seen[v.Name] = true
		r.line(at+"name", v.Name, maxTag)
		r.within(at+"weight", v.Weight, 1, maxWeight)
		r.textsOf(at+"texts", v.Texts)
		r.links(at, v.DeepLink, v.ImageURL)
	}
}

// people are the segments and the share of those who are told nothing.
func (r *review) people() {
	for _, list := range []struct {
		field string
		ids   []uuid.UUID
	}{{"segments", r.c.Segments}, {"excluded", r.c.Excluded}} {
		if len(list.ids) > maxSegments {
			r.fault(list.field, FaultTooLong, "%d segments, at most %d", len(list.ids), maxSegments)
			continue
		}
		each(r, list.field, list.ids, func(id uuid.UUID) string {
			if r.known.Segment != nil && !r.known.Segment(id) {
				return fmt.Sprintf("the brand has no segment %s", id)
			}
			return ""
		})
	}
	if !(r.c.Holdout >= 0 && r.c.Holdout <= maxHoldout) {
		r.fault("holdout", FaultOutOfRange, "%v is not within 0..%v", r.c.Holdout, maxHoldout)
	}
}
