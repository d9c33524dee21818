// Copied beside BoringSSL's runner when it is built: prints the tests of our slice, one per line, as
//
//	name TAB flags
//
// The slice is TLS over a stream where the runner speaks TLS 1.3 and the name speaks of no older version.
package runner

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

var older = regexp.MustCompile(`(^|[^A-Z])(SSL3|TLS10|TLS11|TLS12|TLS1)([^0-9]|$)`)

func TestSlice(t *testing.T) {
	// A shard that runs nothing: main registers every test and returns.
	os.Setenv(shardPrefix+shardTotalEnv, "1")
	os.Setenv(shardPrefix+shardIndexEnv, "0")
	*skipTest = "*"
	*testToRun = "none"
	main()
	for _, test := range testCases {
		speaks13 := test.config.MaxVersion == 0 || test.config.MaxVersion == VersionTLS13
		if test.protocol == tls && speaks13 && !strings.Contains(test.name, "QUIC") && !older.MatchString(test.name) {
			fmt.Printf("slice\t%s\t%s\n", test.name, strings.Join(test.flags, " "))
		}
	}
}
