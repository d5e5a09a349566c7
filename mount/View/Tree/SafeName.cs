using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace GlanceGateway.View;

/// <summary>Makes names of files and directories from what users typed.</summary>
/// <remarks>
/// <para>The rules, in this order:</para>
/// <list type="number">
/// <item><c>/</c>, <c>%</c>, NUL and every other control character (C0, DEL, C1), and halves of surrogate pairs become
/// <c>%XX</c> per byte. The names "." and ".." become <c>%2E</c> and <c>%2E.</c>. Everything else stays as UTF-8.</item>
/// <item>What is longer than the room for it is cut between characters, never inside an escape.</item>
/// <item>A whole name that ends like a suffix of ours (<c>~</c> and 8 hexadecimal digits, or <c>~</c> and a UUID) gets that
/// <c>~</c> escaped. So a name with our suffix is never also the whole name of another image.</item>
/// </list>
/// <para>Invariants, whatever comes in: 1 to 255 bytes, no '/', no NUL, neither "." nor "..". Different short texts have
/// different names; long ones may meet, which the clash rule of <see cref="LinkDirectory"/> settles.</para>
/// </remarks>
internal static class SafeName
{
    internal const int LongestBytes = 255;

    /// <summary>The directory of images without an owner. An owner of that name gets an escape.</summary>
    internal const string NoOwner = "_";

    // No escape is a lone '%', so no text but the empty one has this name.
    private const string Empty = "%";

    private const int ShortSuffix = 9; // ~ and 8 digits
    private const int LongSuffix = 37; // ~ and a UUID

    /// <summary>Name of a directory for an owner.</summary>
    internal static string ForOwner(string? owner) => owner switch
    {
        null => NoOwner,
        NoOwner => "%5F",
        _ => ForWord(owner),
    };

    /// <summary>Name of a directory for a tag or an owner.</summary>
    internal static string ForWord(string word) => word.Length == 0 ? Empty : Encode(word, LongestBytes);

    /// <summary>An image's whole name, which stands where no other image has the same.</summary>
    internal static string Plain(string text)
    {
        string name = Encode(text, LongestBytes);
        int suffix = EndsLikeSuffix(name);
        if (suffix == 0)
        {
            return name;
        }

        string escaped = string.Concat(name.AsSpan(0, name.Length - suffix), "%7E", name.AsSpan(name.Length - suffix + 1));
        int excess = Encoding.UTF8.GetByteCount(escaped) - LongestBytes;
        // The last characters are ASCII here: digits of what looked like a suffix.
        return excess > 0 ? escaped[..^excess] : escaped;
    }

    /// <summary>An image's name, cut to make room for the suffix.</summary>
    internal static string WithSuffix(string text, char separator, string suffix) =>
        string.Concat(Encode(text, LongestBytes - 1 - suffix.Length), [separator], suffix);

    private static string Encode(string text, int limit)
    {
        if (text is "." or "..")
        {
            return text.Length == 1 ? "%2E" : "%2E.";
        }

        StringBuilder name = new(Math.Min(text.Length, limit));
        int bytes = 0;
        for (int i = 0; i < text.Length;)
        {
            bool whole = Rune.TryGetRuneAt(text, i, out Rune rune);
            bool escape = !whole || rune.Value is '/' or '%' || Rune.IsControl(rune);
            int length = whole ? rune.Utf8SequenceLength : 3;
            if (bytes + (escape ? 3 * length : length) > limit)
            {
                break;
            }

            bytes += escape ? 3 * length : length;
            if (!escape)
            {
                name.Append(text, i, rune.Utf16SequenceLength);
            }
            else if (whole)
            {
                AppendEscaped(name, rune);
            }
            else
            {
                // A lone surrogate in the generalised UTF-8 that keeps it distinguishable.
                name.Append($"%{0xE0 | (text[i] >> 12):X2}%{0x80 | ((text[i] >> 6) & 0x3F):X2}%{0x80 | (text[i] & 0x3F):X2}");
            }

            i += whole ? rune.Utf16SequenceLength : 1;
        }

        return name.ToString();
    }

    private static void AppendEscaped(StringBuilder name, Rune rune)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (byte one in bytes[..rune.EncodeToUtf8(bytes)])
        {
            name.Append($"%{one:X2}");
        }
    }

    /// <summary>Length of the end that looks like a suffix of ours, or 0.</summary>
    private static int EndsLikeSuffix(string name)
    {
        if (name.Length >= ShortSuffix && name[^ShortSuffix] == '~' && name.AsSpan()[^(ShortSuffix - 1)..].ContainsAnyExcept(s_digits) is false)
        {
            return ShortSuffix;
        }

        return name.Length >= LongSuffix && name[^LongSuffix] == '~' && IsImageId(name[^(LongSuffix - 1)..]) ? LongSuffix : 0;
    }

    /// <summary>Whether a text is a UUID in its 36-character form, of which a name can be made as it is.</summary>
    internal static bool IsImageId([NotNullWhen(true)] string? text) =>
        text is { Length: LongSuffix - 1 } && Guid.TryParseExact(text, "D", out _);

    private static readonly System.Buffers.SearchValues<char> s_digits = System.Buffers.SearchValues.Create("0123456789abcdefABCDEF");
}
