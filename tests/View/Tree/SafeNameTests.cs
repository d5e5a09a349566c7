using System.Text;
using CsCheck;

namespace GlanceGateway.View.Tests;

/// <summary>Names of files made from what users type.</summary>
public sealed class SafeNameTests
{
    [Theory]
    [InlineData("ubuntu-24.04 (amd64).qcow2", "ubuntu-24.04 (amd64).qcow2")]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd")]
    [InlineData(".", "%2E")]
    [InlineData("..", "%2E.")]
    [InlineData("...", "...")]
    [InlineData(".hidden", ".hidden")]
    [InlineData("100%", "100%25")]
    [InlineData("a%2Fb", "a%252Fb")]
    [InlineData("nul\0byte", "nul%00byte")]
    [InlineData("two\nlines\t\u001b[31m", "two%0Alines%09%1B[31m")]
    [InlineData("del\u007f", "del%7F")]
    [InlineData("c1\u009b31m", "c1%C2%9B31m")]
    [InlineData("Überraschung 画像 💿", "Überraschung 画像 💿")]
    [InlineData("image~0123abcd", "image%7E0123abcd")]
    [InlineData("image~0123abc", "image~0123abc")]
    [InlineData("~01234567", "%7E01234567")]
    [InlineData("x~11111111-2222-3333-4444-555555555555", "x%7E11111111-2222-3333-4444-555555555555")]
    public void A_name_becomes(string text, string expected) => Assert.Equal(expected, SafeName.Plain(text));

    [Fact]
    public void Halves_of_surrogate_pairs_stay_distinguishable()
    {
        // No inline data: attributes are UTF-8, which has no such halves.
        Assert.Equal("half %ED%A0%BD pair", SafeName.Plain("half \ud83d pair"));
        Assert.Equal("%ED%B3%BF", SafeName.Plain("\udcff"));
    }

    [Fact]
    public void A_long_name_is_cut_between_characters_and_never_inside_an_escape()
    {
        Assert.Equal(new string('a', 255), SafeName.Plain(new string('a', 300)));
        Assert.Equal(252, Encoding.UTF8.GetByteCount(SafeName.Plain(string.Concat(Enumerable.Repeat("💿", 100)))));
        Assert.Equal(new string('a', 254), SafeName.Plain(new string('a', 254) + "/b"));
        Assert.Equal(new string('a', 252) + "%2F", SafeName.Plain(new string('a', 252) + "/b"));
    }

    [Fact]
    public void A_name_that_looks_suffixed_after_the_cut_is_escaped_and_still_fits()
    {
        string name = SafeName.Plain(new string('a', 246) + "~0123456789");

        Assert.Equal(new string('a', 246) + "%7E012345", name);
    }

    [Fact]
    public void Owners_have_directories_of_their_own()
    {
        string[] names = [SafeName.ForOwner(null), SafeName.ForOwner("_"), SafeName.ForOwner(""), SafeName.ForOwner("%"), SafeName.ForOwner("%5F"), SafeName.ForOwner("..")];

        Assert.Equal(["_", "%5F", "%", "%25", "%255F", "%2E."], names);
    }

    /// <summary>Text of the nasty kinds: separators, dots, escapes, suffixes, halves of pairs, very long.</summary>
    internal static Gen<string> Nasty { get; } = Gen.OneOf(
        Gen.OneOf("", ".", "..", "/", "//", "%", "%2E", "a", "A", "~", "~01234567", "a~01234567", "a%7E01234567", "\0", "\ud800", "\udfff", "💿", "_", "%5F"),
        Gen.String[Gen.Char, 0, 20],
        Gen.String[Gen.OneOf('.', '/', '%', '~', '0', 'a', '\0', '\ud83d', '\udcbf', 'é', '\u007f'), 0, 12],
        Gen.Select(Gen.OneOf("a", "é", "💿", "/", "\ud800"), Gen.Int[60, 300], static (unit, count) => string.Concat(Enumerable.Repeat(unit, count))),
        Gen.Select(Gen.Int[240, 256], Gen.OneOf("~01234567", "~01234567-89ab-cdef-0123-456789abcdef", "/x"), static (count, end) => new string('b', count) + end));

    [Fact]
    public void No_text_makes_a_name_that_is_more_than_a_name() => Nasty.Sample(
        static text =>
        {
            foreach (string name in (string[])[SafeName.Plain(text.Length == 0 ? "x" : text), SafeName.ForWord(text), SafeName.ForOwner(text), SafeName.WithSuffix(text, '~', "01234567")])
            {
                byte[] bytes = new UTF8Encoding(false, throwOnInvalidBytes: true).GetBytes(name);
                Assert.InRange(bytes.Length, 1, 255);
                Assert.DoesNotContain((byte)'/', bytes);
                Assert.DoesNotContain(bytes, static one => one is < 0x20 or 0x7f);
                Assert.NotEqual(".", name);
                Assert.NotEqual("..", name);
            }
        },
        iter: 20_000);

    [Fact]
    public void Short_texts_keep_different_names() => Gen.Select(Gen.String[0, 20], Gen.String[0, 20]).Sample(
        static (left, right) => Assert.Equal(left == right, SafeName.ForWord(left) == SafeName.ForWord(right)),
        iter: 20_000);
}
