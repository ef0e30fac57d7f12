package postgres_test

import (
	"go/ast"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/wantgo/wantgo/services/postgres/postgrestest"
)

type storageTest struct {
	name string
	run  func(*testing.T)
}

// storageSuite is the tests of the storage contracts. They run by themselves on plain PostgreSQL with people written
// together, here with people written one by one, and on a Citus cluster where there is one.
var storageSuite = []storageTest{
	{"TestCatalogueReadsBack", TestCatalogueReadsBack},
	{"TestCatalogueRefusals", TestCatalogueRefusals},
	{"TestCatalogueVersionsCommitInOrder", TestCatalogueVersionsCommitInOrder},
	{"TestCommitReadsBack", TestCommitReadsBack},
	{"TestCommitOfAnEndedLeaseLoses", TestCommitOfAnEndedLeaseLoses},
	{"TestOneWriterWins", TestOneWriterWins},
	{"TestCommitInAnyOrder", TestCommitInAnyOrder},
	{"TestLosersLeaveNothing", TestLosersLeaveNothing},
	{"TestStatusForbids", TestStatusForbids},
	{"TestVisitsOpenAndClose", TestVisitsOpenAndClose},
	{"TestRedeemOnce", TestRedeemOnce},
	{"TestScan", TestScan},
	{"TestNewPeopleRace", TestNewPeopleRace},
	{"TestErasedOwnIDs", TestErasedOwnIDs},
	{"TestPurchasesAreKeptOnce", TestPurchasesAreKeptOnce},
	{"TestSegmentsOfTheCatalogue", TestSegmentsOfTheCatalogue},
	{"TestItemsOfTheCatalogue", TestItemsOfTheCatalogue},
	{"TestFactsOfAnAppEvent", TestFactsOfAnAppEvent},
	{"TestDueIsALowerBound", TestDueIsALowerBound},
	{"TestFaultOfOneWrite", TestFaultOfOneWrite},
	{"TestUnbornLeaveNothing", TestUnbornLeaveNothing},
	{"TestReadsOfABrand", TestReadsOfABrand},
	{"TestRegisterRace", TestRegisterRace},
	{"TestRegisterAgain", TestRegisterAgain},
	{"TestPutDeviceComparesVersion", TestPutDeviceComparesVersion},
	{"TestAddressTakeover", TestAddressTakeover},
	{"TestAddressHistory", TestAddressHistory},
	{"TestAddressRace", TestAddressRace},
	{"TestExternalIDs", TestExternalIDs},
	{"TestEraseLeavesOnlyTheTombstone", TestEraseLeavesOnlyTheTombstone},
	{"TestMoveCoupons", TestMoveCoupons},
	{"TestPlacesFold", TestPlacesFold},
	{"TestFoldWhileOthersWrite", TestFoldWhileOthersWrite},
	{"TestOldRecordsGo", TestOldRecordsGo},
	{"TestEpoch", TestEpoch},
	{"TestRequests", TestRequests},
	{"TestClaimsOfTheDead", TestClaimsOfTheDead},
	{"TestLeaseGoesOver", TestLeaseGoesOver},
	{"TestClaimsDoNotOverlap", TestClaimsDoNotOverlap},
	{"TestClaimsByRank", TestClaimsByRank},
	{"TestPostponeWaits", TestPostponeWaits},
	{"TestUnusedAttempts", TestUnusedAttempts},
	{"TestClaimOfAnEndedLeaseIsUnsure", TestClaimOfAnEndedLeaseIsUnsure},
	{"TestCancelled", TestCancelled},
	{"TestStockIsNeverOversold", TestStockIsNeverOversold},
	{"TestRenewOnlyLiveBlocks", TestRenewOnlyLiveBlocks},
	{"TestErasedCouponsStayIssued", TestErasedCouponsStayIssued},
	{"TestWake", TestWake},
	{"TestLettersOfAPersonInOrder", TestLettersOfAPersonInOrder},
	{"TestLetterRipens", TestLetterRipens},
	{"TestFactsOfLetters", TestFactsOfLetters},
	{"TestWebhooksOfTheCatalogue", TestWebhooksOfTheCatalogue},
	{"TestCampaignChanges", TestCampaignChanges},
	{"TestFenceWithAFullBody", TestFenceWithAFullBody},
	{"TestVisited", TestVisited},
	{"TestLetterLeaseGoesOver", TestLetterLeaseGoesOver},
	{"TestLettersOfTheErased", TestLettersOfTheErased},
	{"TestFailingWebhookIsAskedOnce", TestFailingWebhookIsAskedOnce},
	{"TestFailingWebhookAndManyNodes", TestFailingWebhookAndManyNodes},
	{"TestFailingWebhookAndWhatIsNotPosted", TestFailingWebhookAndWhatIsNotPosted},
	{"TestReceiptsAreKeptOnce", TestReceiptsAreKeptOnce},
	{"TestOneProviderTokenWins", TestOneProviderTokenWins},
	{"TestCredentialStateKeepsTheLatest", TestCredentialStateKeepsTheLatest},
	{"TestResumed", TestResumed},
	{"TestReclaimWaitsForWhatWasBegun", TestReclaimWaitsForWhatWasBegun},
	{"TestSendingIsOneAnOccurrence", TestSendingIsOneAnOccurrence},
	{"TestSendingLeases", TestSendingLeases},
	{"TestBatchIsWithdrawn", TestBatchIsWithdrawn},
	{"TestCouponEnds", TestCouponEnds},
	{"TestRoundsReadBack", TestRoundsReadBack},
	{"TestRowsOfBefore", TestRowsOfBefore},
	{"TestResults", TestResults},
	{"TestResultsOfTheDead", TestResultsOfTheDead},
	{"TestResultsOfTheErased", TestResultsOfTheErased},
	{"TestResultsOfSlices", TestResultsOfSlices},
	{"TestResultsBesideWholeHours", TestResultsBesideWholeHours},
	{"TestResultsComeLate", TestResultsComeLate},
}

// plainFiles are files of tests about something else, by the beginning of their names.
var plainFiles = map[string]string{
	"server": "the embedded server", "backup": "the embedded server's directory", "restore": "the embedded server's directory",
	"watch": "one server's own statistics", "doctor": "one server's own settings", "plans": "plans of plain PostgreSQL", "pace": "the bloat of one server's tables",
}

func isPlainFile(name string) bool {
	for begins := range plainFiles {
		if strings.HasPrefix(name, begins) {
			return true
		}
	}
	return false
}

// plainTests are about something else than the contracts, or about what only the plain shape does.
var plainTests = map[string]string{
	"TestFinishAfterAnotherChange":            "the plain statement, which locks before it changes",
	"TestFaultyWriteFailsWhole":               "a batch is one statement; written one by one, the good write stays (TestFaultOfOneWrite)",
	"TestLargePartitionAfterACrash":           "a distributed database takes no partition out before it is summed",
	"TestFoldGivesWay":                        "folding block by block, which a distributed table has none of",
	"TestSweepOfOldRows":                      "sweeping block by block, which a distributed table has none of",
	"TestACallerThatGivesUpCostsNoConnection": "the pool, which every shape has",
	"TestPlaceWrittenUnderTheSum":             "a partition is summed and dropped under a lock that a distributed table takes otherwise",
	"TestCountingTakesItsShare":               "no database", "TestNothingStarves": "no database", "TestReadingsOfADay": "no database", "TestSlicesAreFound": "plans of plain PostgreSQL",
	"TestMonthsBefore": "no database", "TestFirstIDOrdersLikeUUIDv7": "no database", "TestNamesOfTransitions": "no database", "TestQuickJSON": "no database",
	"TestSchemaRules": "the schema", "TestDistribution": "the schema", "TestMigrateTogether": "the schema", "TestNewerSchemaIsRefused": "the schema",
	"TestPasswordStaysOutOfErrors": "connecting", "TestDistributeNeedsCitus": "distributing", "TestDistributeOnASham": "distributing",
	"TestRouted": "runs the suite", "TestOnCitus": "runs the suite", "TestSuiteIsWhole": "the suite itself", "TestRulesRefuse": "no database",
}

// TestOnCitus runs the suite on a real cluster.
func TestOnCitus(t *testing.T) {
	postgrestest.Use(t, postgrestest.Citus, nil)
	for _, test := range storageSuite {
		t.Run(test.name, test.run)
	}
}

// A test that is new is either part of the suite or says why not.
func TestSuiteIsWhole(t *testing.T) {
	in := map[string]bool{}
	for _, test := range storageSuite {
		in[test.name] = true
	}
	eachFile(t, "_test.go", func(name string, file *ast.File) {
		if isPlainFile(name) {
			return
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || len(f.Name.Name) < 5 || f.Name.Name[:4] != "Test" || f.Name.Name == "TestMain" {
				continue
			}
			require.True(t, in[f.Name.Name] != (plainTests[f.Name.Name] != ""),
				"%s in %s: put it into storageSuite, so that it runs on every shape, or into plainTests with the reason why it cannot", f.Name.Name, name)
		}
	})
}
