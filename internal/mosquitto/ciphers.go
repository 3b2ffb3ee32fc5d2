package mosquitto

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// cipherSuites reads a list of OpenSSL's names of cipher suites, which are for TLS 1.2: those of TLS 1.3 are always all
// allowed. Keywords such as HIGH leave the choice to the program.
func cipherSuites(list string) ([]uint16, error) {
	var ids []uint16
	for name := range strings.FieldsFuncSeq(list, func(r rune) bool { return strings.ContainsRune(":, ", r) }) {
		if isCipherKeyword(name) {
			continue
		}
		id, ok := cipherSuite(name)
		if !ok {
			return nil, fmt.Errorf("mqx does not know the cipher suite %q", name)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func isCipherKeyword(name string) bool {
	if strings.HasPrefix(name, "!") || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "@") {
		return true // only takes something away, or sorts
	}
	return slices.Contains([]string{"ALL", "DEFAULT", "HIGH", "ECDHE", "kEECDH", "TLSv1.2", "AESGCM", "CHACHA20"}, strings.TrimPrefix(name, "+"))
}

// cipherSuite finds a suite by OpenSSL's name, ECDHE-RSA-AES128-GCM-SHA256, or that of the registry.
func cipherSuite(name string) (uint16, bool) {
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		if s.Name == name || openSSLName(s.Name) == name || strings.HasPrefix(s.Name, name+"_SHA256") {
			return s.ID, true
		}
	}
	return 0, false
}

// openSSLName turns TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 into ECDHE-RSA-AES128-GCM-SHA256.
func openSSLName(name string) string {
	name = strings.TrimPrefix(name, "TLS_")
	name = strings.Replace(name, "RSA_WITH_", "RSA_", 1)
	name = strings.Replace(name, "ECDSA_WITH_", "ECDSA_", 1)
	name = strings.NewReplacer("AES_128", "AES128", "AES_256", "AES256", "_CBC_SHA", "_SHA", "POLY1305_SHA256", "POLY1305").Replace(name)
	name = strings.TrimPrefix(name, "RSA_") // OpenSSL does not name the key exchange that was once the only one
	return strings.ReplaceAll(name, "_", "-")
}
