package engine

import (
	"github.com/google/uuid"

	"github.com/wantgo/wantgo/services/item"
)

func itemsTable(t *brandTables) map[uuid.UUID]*item.Item { return t.items }

// Items lists a brand's items by id.
func (e *Engine) Items(brandID uuid.UUID) []*item.Item { return lists(e, brandID, itemsTable) }

// Item finds an item by id.
func (e *Engine) Item(brandID, id uuid.UUID) (*item.Item, error) {
	return find(e, brandID, id, "item", itemsTable)
}

// ItemByExternalID finds an item by the brand's own id.
func (e *Engine) ItemByExternalID(brandID uuid.UUID, external string) (*item.Item, error) {
	if v := e.catalogue.view(brandID); v != nil {
		if i := v.items.ByExternalID(external); i != nil {
			return i, nil
		}
	}
	return nil, notFound("item")
}

// SearchItems finds items by a keyword, the best first.
func (e *Engine) SearchItems(brandID uuid.UUID, keyword string, limit int) []*item.Item {
	v := e.catalogue.view(brandID)
	if v == nil {
		return nil
	}
	return v.items.Search(keyword, limit)
}

// putItems takes changed items into the tables and their index.
func (t *brandTables) putItems(changed []item.Item) {
	list := make([]*item.Item, len(changed))
	for i := range changed {
		list[i] = &changed[i]
		putOrDrop(t.items, changed[i].ID, list[i], !changed[i].DeletedAt.IsZero())
	}
	t.itemIndex = t.itemIndex.With(list)
}
