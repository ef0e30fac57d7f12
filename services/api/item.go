package api

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	v1 "github.com/wantgo/wantgo/proto/wantgo/v1"
	"github.com/wantgo/wantgo/services/engine"
	"github.com/wantgo/wantgo/services/item"
)

// itemFixed are the fields that the server sets.
var itemFixed = []string{"id", "etag"}

var itemNames = fieldNames{prefix: "item.", names: map[string]string{"image_url": "image_uri", "stores": "store_ids"}}

func (s *Server) items() rows[item.Item] {
	e := s.engine
	return rows[item.Item]{e, e.Item, e.ItemByExternalID, func(i *item.Item) row { return row{i.ID, i.ExternalID, &i.Version} },
		"item_id", v1.ErrorReason_ITEM_NOT_FOUND}
}

func itemTo(i *item.Item) *v1.Item {
	out := &v1.Item{
		Id: i.ID.String(), ExternalId: i.ExternalID, Etag: etagOf(i.Version), Names: maps.Clone(i.Names), Category: i.Category,
		Keywords: slices.Clone(i.Keywords), Price: i.Price, Currency: i.Currency, ImageUri: i.ImageURL, Link: i.Link,
	}
	for _, id := range i.Stores {
		out.StoreIds = append(out.StoreIds, id.String())
	}
	return out
}

// itemFrom reads an item over base, whose identity it keeps.
func (s *Server) itemFrom(c *Caller, g *v1.Item, base item.Item) (*item.Item, error) {
	i, fs := base, faults{}
	i.ExternalID, i.Names, i.Category, i.Keywords = g.GetExternalId(), maps.Clone(g.GetNames()), g.GetCategory(), slices.Clone(g.GetKeywords())
	i.Price, i.Currency, i.ImageURL, i.Link = g.GetPrice(), g.GetCurrency(), g.GetImageUri(), g.GetLink()
	i.Stores = s.itemStores(c, g, &fs)
	fs = append(fs, faultsOf(i.Validate(), itemNames)...)
	return &i, fs.err()
}

// itemStores are the stores that an item names by either id.
func (s *Server) itemStores(c *Caller, g *v1.Item, fs *faults) (ids []uuid.UUID) {
	take := func(field, id, externalID string) {
		found, err := s.stores().find(c, id, externalID)
		if err != nil {
			fs.add(field, v1.ErrorReason_STORE_NOT_FOUND, "the brand has no such store")
			return
		}
		if !slices.Contains(ids, found.ID) {
			ids = append(ids, found.ID)
		}
	}
	for n, id := range g.GetStoreIds() {
		take("item.store_ids["+strconv.Itoa(n)+"]", id, "")
	}
	for n, own := range g.GetStoreExternalIds() {
		take("item.store_external_ids["+strconv.Itoa(n)+"]", "", own)
	}
	return ids
}

// putItem writes one.
func (s *Server) putItem(w write, i *item.Item) error {
	return s.items().write(w, i, engine.CatalogueWrite{Items: []item.Item{*i}})
}

// itemFields are an item's fields as the report of an import shows them.
func itemFields(i *item.Item) map[string]string {
	f := map[string]string{
		"category": i.Category, "keywords": strings.Join(i.Keywords, ";"), "currency": i.Currency, "image_uri": i.ImageURL, "link": i.Link,
	}
	if i.Price != 0 {
		f["price"] = strconv.FormatFloat(i.Price, 'f', -1, 64)
	}
	for locale, name := range i.Names {
		f["names."+locale] = name
	}
	stores := make([]string, len(i.Stores))
	for n, id := range i.Stores {
		stores[n] = id.String()
	}
	f["store_ids"] = strings.Join(stores, ";")
	return f
}

// itemChanges are the fields in which two items differ.
func itemChanges(before, after *item.Item) (list []*v1.ImportReport_Change) {
	was, is := itemFields(before), itemFields(after)
	names := slices.Sorted(maps.Keys(was))
	for name := range is {
		if _, known := was[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if was[name] != is[name] {
			list = append(list, &v1.ImportReport_Change{Field: name, Before: was[name], After: is[name]})
		}
	}
	return list
}
