//go:build unix

package interop_test

import (
	"strings"
	"testing"
)

// formats are those that mosquitto_sub 2.0.11 knows and prints the same at any second. %j and %J follow version 2.1, as do the
// width of %x, %D and %P, groups of digits, %f and %d.
func formats() []string {
	return []string{
		`%%|%t|%q|%r|%l|%p`, `[%20t][%-20t][%.3t][%-8.3t][%8.3t][%020t][%-020t]`, `[%10p][%-10p][%010p][%-010p]`, `[%x][%X]`,
		`[%05l][%5l][%-5l]`, `[%5m][%05m]`, `@@|@Y-@m-@d|@a|@A|@b|@B|@C|@j|@y|@u|@w|@G|@g|@V|@U|@W|@D|@F|@e|@h|@n|@t|@z|@Z`,
		`[%A][%C][%D][%F][%P][%R][%S]`, `[%20C][%-20C][%.4C][%12.4C][%020C]`, `[%10R][%.3R][%-6F][%06F][%020R]`, `\\a\e\n\r\t\v|`,
	}
}

func TestInteropFormatsPrintWhatMosquittoPrints(t *testing.T) {
	s := startMosquitto(t)
	mosquittoSub, mosquittoPub := tool(t, "mosquitto_sub"), tool(t, "mosquitto_pub")
	for _, payload := range []string{"21.5", "text", "12345678", "\x00\x01\xfe\xff", "\x00\x00\x20\x42", "long % @"} {
		args := s.at("-V", "5", "-t", "plant/line1", "-q", "1", "-r", "-s", "-D", "publish", "content-type", "text/plain", "-D", "publish",
			"user-property", "key", "value", "-D", "publish", "user-property", "key", "other", "-D", "publish", "response-topic", "re/ply",
			"-D", "publish", "correlation-data", "id", "-D", "publish", "message-expiry-interval", "100000",
			"-D", "publish", "payload-format-indicator", "0")
		start(t, strings.NewReader(payload), mosquittoPub, args...).mustWait(0)
		for _, format := range formats() {
			arguments := s.at("-V", "5", "-t", "plant/line1", "-q", "1", "-C", "1", "-F", format)
			want := start(t, nil, mosquittoSub, arguments...).mustWait(0)
			got := start(t, nil, mqx(), append([]string{"sub"}, arguments...)...).mustWait(0)
			if got != want {
				t.Errorf("%q in %s:\nmosquitto_sub %q\nmqx           %q", payload, format, want, got)
			}
		}
	}
}
