package engine

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/wantgo/wantgo/pusher"
	"github.com/wantgo/wantgo/services/audience"
	"github.com/wantgo/wantgo/services/brand"
	"github.com/wantgo/wantgo/services/campaign"
	"github.com/wantgo/wantgo/services/item"
	"github.com/wantgo/wantgo/services/store"
)

// What storage may answer besides a fault of its own.
var (
	ErrNotFound      = errors.New("not found")
	ErrAlreadyExists = errors.New("already exists") // an own id or an address is taken
	ErrStale         = errors.New("stale")          // an etag or version no longer holds
	ErrTooMany       = errors.New("too many")       // more was found than may be answered at once
)

// CouponWrite puts a coupon (new, or with its redemption set; a second redemption of one coupon cannot commit,
// because both go through the person's version).
type CouponWrite struct {
	campaign.Coupon
	Redeem bool // false: insert; true: set the redemption of an existing row
}

// DeliveryWrite inserts a delivery, leased to its maker.
type DeliveryWrite struct {
	pusher.Delivery
	Lease time.Duration // LeaseUntil becomes the database's now + Lease; 0: leased to nobody, the sweep's
}

// People stores persons and their facts.
type People interface {
	// Load reads rows with profile and devices. A person that does not exist is left out.
	Load(ctx context.Context, keys []PersonKey) ([]PersonRow, error)
	// Commit writes many people in ONE statement: rows locked in person_id order, compare-and-set on the version,
	// facts only for those that won (on a distributed database: a transaction a person, with the same outcome for each,
	// of which an error may leave some committed). committed[i] tells for writes[i]; false means the version moved on (or the
	// status forbids it, or LeasedUntil has passed). On an error nothing is known of any write; Committed settles it.
	Commit(ctx context.Context, writes []PersonWrite) (committed []bool, err error)
	// Committed tells which of these writes the rows carry (by WriteID) or have passed (by version, ambiguous=false).
	Committed(ctx context.Context, writes []PersonWrite) ([]bool, error)
	// Due returns up to limit people whose due time is at or before t. Order is random; it reserves nothing.
	Due(ctx context.Context, t time.Time, limit int) ([]PersonKey, error)
	// Scan returns active people of a brand, after a cursor (zero: from the start), in person order. What is made, erased
	// or handed over meanwhile may or may not be among them; nobody comes twice.
	Scan(ctx context.Context, brandID, after uuid.UUID, limit int) ([]PersonKey, error)
	// Inside returns people with an open visit of a fence, after a cursor (zero: from the start), person order.
	Inside(ctx context.Context, brandID, fenceID, after uuid.UUID, limit int) ([]PersonKey, error)
	// Visited tells which of the fences have an open visit.
	Visited(ctx context.Context, brandID uuid.UUID, fences []uuid.UUID) ([]uuid.UUID, error)

	// FactsOf returns the places that pings brought about, those of the device's timers that were written with them, while
	// they are kept, and the traces of their moments; of AppEvents, each a moment itself, the traces.
	FactsOf(ctx context.Context, key PersonKey, pings []uuid.UUID) ([]Place, []Trace, error)
	Coupons(ctx context.Context, key PersonKey, onlyLive bool, now time.Time, limit int) ([]campaign.Coupon, error)
	Coupon(ctx context.Context, key PersonKey, id uuid.UUID) (campaign.Coupon, error)
	CouponByCode(ctx context.Context, brandID uuid.UUID, code string) (campaign.Coupon, error)
	Traces(ctx context.Context, key PersonKey, f TraceFilter) ([]TraceRow, error)
	Deliveries(ctx context.Context, key PersonKey, notifications []uuid.UUID) ([]pusher.Delivery, error)
	// Receipts are what phones told of some of a person's notifications; none given: of all.
	Receipts(ctx context.Context, key PersonKey, notifications []uuid.UUID) ([]Receipt, error)
	// PersonOfDelivery finds whom a delivery, or a notification, is for.
	PersonOfDelivery(ctx context.Context, brandID, notification, delivery uuid.UUID) (uuid.UUID, error)
	LocationUses(ctx context.Context, key PersonKey, from, to time.Time, limit int) ([]LocationUse, error)
	Consents(ctx context.Context, key PersonKey) ([]audience.ConsentEvent, error)
	// Purchased tells which sales of some people are known by the till's own ids.
	Purchased(ctx context.Context, brandID uuid.UUID, people []uuid.UUID, ids []string) (map[PurchaseKey]bool, error)
	// GivenTo returns the people that handed over to a person, or are about to: those whose SuccessorID it is.
	GivenTo(ctx context.Context, key PersonKey) ([]uuid.UUID, error)
	// Erase removes every row of a person but a tombstone with the receipt. The row must be in PersonErasing.
	Erase(ctx context.Context, key PersonKey, receipt uuid.UUID, at time.Time) error
	// MoveCoupons copies the coupons of a giving person to its successor; repeating it changes nothing.
	MoveCoupons(ctx context.Context, from PersonKey, to uuid.UUID) error
}

// PurchaseKey is a sale of a person, by the till's own id.
type PurchaseKey struct {
	PersonID uuid.UUID
	ID       string
}

// TraceFilter narrows Traces; newest first.
type TraceFilter struct {
	From, To time.Time // zero: unbounded
	Before   uuid.UUID // page: only ids below this one
	Reason   string
	Limit    int
}

// TraceRow is a trace with the place of its moment, while that is kept.
type TraceRow struct {
	Trace
	Place *Place
}

// Directory finds people by device, own id and address. Each row has its own key and compare-and-set and is never
// part of a person's write.
type Directory interface {
	// Register creates devices, each with a new person (profile as given). A device whose external id exists already
	// is answered with the existing one (existing[i] = true) and nothing is created for it.
	Register(ctx context.Context, regs []Registration) (devices []audience.Device, existing []bool, err error)
	Device(ctx context.Context, brandID, deviceID uuid.UUID) (audience.Device, error)
	DevicesByExternalID(ctx context.Context, brandID uuid.UUID, externalIDs []string) ([]audience.Device, error)
	// NewPerson makes a person without a device, for a device that is about to get it.
	NewPerson(ctx context.Context, key PersonKey, profile audience.Profile, state []byte, minWriter int32) error
	// PutDevice writes app facts, token serial and owner, compare-and-set on Version: ErrStale when it moved.
	PutDevice(ctx context.Context, d audience.Device) (audience.Device, error)
	// PutAddress gives an address to a device and takes it from whichever device had it; live again if it was gone.
	PutAddress(ctx context.Context, brandID, deviceID uuid.UUID, a pusher.Address) error
	// SetAddressState marks the device's address (quarantined, gone) only if it is still a and was registered before since
	// (zero: always), and notes that with its code.
	SetAddressState(ctx context.Context, brandID, deviceID uuid.UUID, a pusher.Address, state, code string, since time.Time) (changed bool, err error)
	AddressHistory(ctx context.Context, brandID, deviceID uuid.UUID, from time.Time, limit int) ([]audience.AddressEvent, error)
	AddressCounts(ctx context.Context, brandID uuid.UUID, from time.Time) ([]audience.AddressCount, error)
	// RestoreAddresses makes addresses live again whose drop was wrong, and returns their devices.
	RestoreAddresses(ctx context.Context, brandID uuid.UUID, w audience.WrongDrops) (devices []uuid.UUID, err error)
	PersonByExternalID(ctx context.Context, brandID uuid.UUID, externalID string) (uuid.UUID, error)
	// PeopleByExternalID finds many at once; the unknown are left out.
	PeopleByExternalID(ctx context.Context, brandID uuid.UUID, externalIDs []string) (map[string]uuid.UUID, error)
	// ErasedExternalIDs tells which own ids were those of people who are erased. Only hashes of them are kept.
	ErasedExternalIDs(ctx context.Context, brandID uuid.UUID, externalIDs []string) (map[string]bool, error)
	// NewPeople makes people without a device, each with the own id of its profile. made[i] is false, and nothing is left
	// of it, where another has the id, or the person was erased.
	NewPeople(ctx context.Context, regs []Registration) (made []bool, err error)
	// ClaimExternalID binds an own id to a person: ErrAlreadyExists with the holder when another has it.
	ClaimExternalID(ctx context.Context, brandID uuid.UUID, externalID string, personID uuid.UUID) (holder uuid.UUID, err error)
	MoveExternalID(ctx context.Context, brandID uuid.UUID, externalID string, from, to uuid.UUID) error
	// Seen notes when devices were last heard of, at most once an hour a device (the caller's care).
	Seen(ctx context.Context, brandID uuid.UUID, deviceIDs []uuid.UUID, at time.Time) error
}

// Registration is a new device and the anonymous person it comes with.
type Registration struct {
	Device    audience.Device // ID and PersonID are the caller's
	Profile   audience.Profile
	Consents  []audience.ConsentEvent
	State     []byte
	MinWriter int32
}

// Catalogue stores what brands configure. A write increments the brand's version in its own transaction, and
// lock order is commit order: whoever has seen version N has seen all changes up to N.
type Catalogue interface {
	CreateBrand(ctx context.Context, b brand.Brand) error
	Versions(ctx context.Context) (map[uuid.UUID]int64, error)
	// Changes returns everything of a brand that changed after a version, deleted rows included (DeletedAt set).
	Changes(ctx context.Context, brandID uuid.UUID, after int64) (CatalogueChange, error)
	// Write applies a change in one transaction. ErrStale: an expected version does not hold. ErrAlreadyExists: an
	// own id is taken. Rows get the new version.
	Write(ctx context.Context, w CatalogueWrite) (version int64, err error)
	// CampaignChanges returns what was written of a campaign, the latest first, from the write on that made it the version;
	// each change names the version before it. What releases wrote that kept no such record ends the list.
	CampaignChanges(ctx context.Context, brandID, campaignID uuid.UUID, version int64, limit int) ([]CampaignChange, error)
}

// CampaignChange is one write of a campaign.
type CampaignChange struct {
	At      time.Time // by the database's clock
	Version int64
	From    int64 // the version before; 0: there was none
	Actor   string
	Action  string // what was done, in a word
	Note    string // what whoever did it said
	// Before and After are the fields that changed, as they are kept. A field that was not there is left out.
	Before, After map[string]json.RawMessage
}

// CatalogueChange is a brand's catalogue, or what changed in it.
type CatalogueChange struct {
	Version     int64
	Brand       *brand.Brand // nil: unchanged
	Keys        []brand.Key
	Credentials []brand.Credential
	Stores      []store.Store
	Fences      []store.Fence
	Campaigns   []campaign.Campaign
	Segments    []audience.Segment
	Items       []item.Item
	Webhooks    []brand.Webhook
}

// CatalogueWrite is one change by one request. Rows are put whole, found by ID.
type CatalogueWrite struct {
	BrandID     uuid.UUID
	Actor       string              // who: "key:…"; for the audit row
	Action      string              // what is done, in a word; likewise
	Note        string              // what is said of it; likewise
	Expect      map[uuid.UUID]int64 // row id -> the version it must have (etag); absent: whatever
	Brand       *brand.Brand
	Keys        []brand.Key
	Credentials []brand.Credential
	Stores      []store.Store
	Fences      []store.Fence
	Campaigns   []campaign.Campaign
	Segments    []audience.Segment
	Items       []item.Item
	Webhooks    []brand.Webhook
}

// Stock keeps the pools that many people share.
type Stock interface {
	// TakeBlock moves up to want coupons of an offer from its pool (created with total at first sight) into a block
	// leased to node. Size 0: the pool is empty. Blocks shrink to 1 as the pool ends.
	TakeBlock(ctx context.Context, brandID, offerID uuid.UUID, total int64, node uuid.UUID, lease time.Duration, want int64) (Block, error)
	// Renew extends the leases of live blocks and tells until when. A block that is not returned was reclaimed and must
	// not be used.
	Renew(ctx context.Context, node uuid.UUID, lease time.Duration, blocks []uuid.UUID) (map[uuid.UUID]time.Time, error)
	// Reclaim gives the unused part of blocks whose lease ended over grace ago back to their pools; what was used is
	// counted from the coupons that carry the block's id.
	Reclaim(ctx context.Context, grace time.Duration) (blocks int, err error)
}

// Block is a part of a pool that one node may issue from.
type Block struct {
	ID         uuid.UUID
	OfferID    uuid.UUID
	Size       int64
	LeaseUntil time.Time // by the database's clock
}

// Ground is what a node must know of the database itself.
type Ground interface {
	// Now is the database's clock.
	Now(ctx context.Context) (time.Time, error)
	// Epoch is system id + timeline: another value means another history (failover, restore).
	Epoch(ctx context.Context) (string, error)
	// Revocations returns what was appended at or after since (database clock), by any node.
	Revocations(ctx context.Context, since time.Time) ([]Revocation, error)
	// KeepHouse makes partitions ahead of now, folds and drops partitions of places older than each brand's retention,
	// drops old revocations, requests and location-use records. now is engine time.
	KeepHouse(ctx context.Context, now time.Time) (HouseReport, error)
}

// HouseReport counts what KeepHouse did.
type HouseReport struct{ PartitionsMade, PartitionsDropped, PlacesFolded, UsesDropped int }

// Revocation tells every node to drop its copy of a person.
type Revocation struct {
	Key    PersonKey
	Reason string
	At     time.Time
}

// Requests remembers answers of writes by request id, so that a repeated request gets the same answer.
type Requests interface {
	// Claim returns the remembered answer, or a claim where the caller is the first and must Remember or Forget. Neither:
	// another call with this id is running. A claim ends after ClaimLease unless it is renewed, so that the ids of a node
	// that died are not lost with it. Its value is when it was made or last renewed.
	Claim(ctx context.Context, brandID uuid.UUID, scope, requestID string) (answer []byte, claim time.Time, err error)
	// Renew makes a claim last; zero: it is another's.
	Renew(ctx context.Context, brandID uuid.UUID, scope, requestID string, claim time.Time) (renewed time.Time, err error)
	// Remember keeps the answer of what was done, whosever the claim is by now.
	Remember(ctx context.Context, brandID uuid.UUID, scope, requestID string, answer []byte) error
	// Forget gives a claim up, so that the request can be made again.
	Forget(ctx context.Context, brandID uuid.UUID, scope, requestID string, claim time.Time) error
}

// ClaimLease is how long a claim of a request id stands without being renewed.
const ClaimLease = 20 * time.Second
