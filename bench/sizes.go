package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"ferry/codec"
)

// Sizes says how large files are: one size, several taken in turn, or a log-normal distribution,
// which is how sizes of files are found to lie on most disks. The zero value has none.
type Sizes struct {
	// List are sizes in bytes, taken in turn.
	List []int64
	// Median in bytes and Sigma, the standard deviation of the natural logarithm, describe a
	// log-normal distribution where List is empty. Max bounds it, in bytes; 0 means what a field
	// can announce.
	Median int64
	Sigma  float64
	Max    int64
}

// logNormalWord begins the text of a distribution.
const logNormalWord = "lognormal:"

// ParseSizes reads 4096, 64KiB or 1MB, several of them separated by commas, or
// lognormal:MEDIAN,SIGMA[,MAX].
func ParseSizes(text string) (Sizes, error) {
	if rest, ok := strings.CutPrefix(text, logNormalWord); ok {
		return parseLogNormal(rest)
	}
	var s Sizes
	for part := range strings.SplitSeq(text, ",") {
		size, err := parseSize(part)
		if err != nil {
			return Sizes{}, err
		}
		s.List = append(s.List, size)
	}
	return s, s.validate()
}

func parseLogNormal(text string) (Sizes, error) {
	parts := strings.Split(text, ",")
	if len(parts) < 2 || len(parts) > 3 {
		return Sizes{}, fmt.Errorf("%s%s: it is %sMEDIAN,SIGMA[,MAX]", logNormalWord, text,
			logNormalWord)
	}
	var s Sizes
	var err error
	if s.Median, err = parseSize(parts[0]); err != nil {
		return Sizes{}, err
	}
	if s.Sigma, err = strconv.ParseFloat(parts[1], 64); err != nil {
		return Sizes{}, fmt.Errorf("%s: sigma is no number", parts[1])
	}
	if len(parts) == 3 {
		if s.Max, err = parseSize(parts[2]); err != nil {
			return Sizes{}, err
		}
	}
	return s, s.validate()
}

func parseSize(text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a number of B, KiB, MiB, GiB, kB or MB", text)
	}
	return int64(n), nil
}

// String is the text that ParseSizes reads.
func (s Sizes) String() string {
	if len(s.List) == 0 {
		text := fmt.Sprintf("%s%s,%g", logNormalWord, sizeText(s.Median), s.Sigma)
		if s.Max > 0 {
			text += "," + sizeText(s.Max)
		}
		return text
	}
	texts := make([]string, len(s.List))
	for i, size := range s.List {
		texts[i] = sizeText(size)
	}
	return strings.Join(texts, ",")
}

// sizeText is a size in the largest binary unit that divides it.
func sizeText(n int64) string {
	units := []string{"GiB", "MiB", "KiB"}
	for i, unit := range units {
		if bytes := int64(1) << (10 * (len(units) - i)); n >= bytes && n%bytes == 0 {
			return strconv.FormatInt(n/bytes, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}

func (s Sizes) validate() error {
	if len(s.List) == 0 && s.Median == 0 {
		return errors.New("no file size")
	}
	for _, size := range append([]int64{s.Median, s.Max}, s.List...) {
		if size < 0 || size > codec.FieldMax {
			return fmt.Errorf("a file of %d bytes does not fit a field", size)
		}
	}
	if s.Sigma < 0 || math.IsNaN(s.Sigma) || math.IsInf(s.Sigma, 0) {
		return errors.New("a sigma that is no number from 0")
	}
	return nil
}

// draw is the size of a client's nth file.
func (s *Sizes) draw(client int, nth int64, r *rand.Rand) int64 {
	if len(s.List) > 0 {
		return s.List[(int64(client)+nth)%int64(len(s.List))]
	}
	size := float64(s.Median) * math.Exp(s.Sigma*r.NormFloat64())
	return min(int64(math.Min(size, codec.FieldMax)), s.most())
}

// files are the sizes of n files: List's in turn, or the distribution's quantiles, so that few
// files hold its whole breadth, and every run the same ones.
func (s *Sizes) files(n int) []int64 {
	sizes := make([]int64, n)
	for i := range sizes {
		if len(s.List) > 0 {
			sizes[i] = s.List[i%len(s.List)]
			continue
		}
		quantile := (float64(i) + 0.5) / float64(n)
		normal := math.Sqrt2 * math.Erfinv(2*quantile-1)
		size := math.Min(float64(s.Median)*math.Exp(s.Sigma*normal), codec.FieldMax)
		sizes[i] = min(int64(size), s.most())
	}
	return sizes
}

func (s *Sizes) most() int64 {
	if s.Max > 0 {
		return s.Max
	}
	return codec.FieldMax
}
