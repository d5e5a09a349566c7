using System.Buffers.Binary;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using GlanceGateway.Registry;

namespace GlanceGateway.Images;

// A place in the change feed, as it is given to callers and taken back from them.
//
// In clear it is the sequence of a change, and a mark of that change: a registry that was put back to an older copy gives the same sequences to other
// changes, and who stands behind one that no longer exists must not go on as if nothing had happened. Before the first change of all there is no such row;
// the mark is the time then, and the place is believed as long as no change can have been removed.
//
// Outside it is encrypted with the registry's key (AES-GCM): a sequence would tell a caller how much happens to images that it may not see. The nonce is
// random, so that not even a place that has not moved is the same text again. With another registry's key it does not open.

/// <summary>A place in the change feed: everything up to a change is known.</summary>
/// <param name="Sequence">That change; 0 before the first.</param>
/// <param name="Mark">What tells it from another change of that sequence.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct ChangeCursor(long Sequence, long Mark)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;
    private const int ClearBytes = 16;

    /// <summary>The place behind a change.</summary>
    public static ChangeCursor Behind(ImageChange change)
    {
        var text = Encoding.UTF8.GetBytes($"{change.ImageId}/{change.Kind}/{change.At.UtcTicks}");
        return new ChangeCursor(change.Sequence, BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(text)));
    }

    /// <summary>The place before the first change.</summary>
    /// <param name="now">When there was none.</param>
    public static ChangeCursor Beginning(DateTimeOffset now) => new(0, now.ToUnixTimeSeconds());

    /// <summary>Whether everything after the place is still in the feed.</summary>
    /// <param name="at">The change of this sequence; null when there is none.</param>
    /// <param name="now">The time.</param>
    /// <param name="keep">For how long changes are kept at least.</param>
    public bool IsKnown(ImageChange? at, DateTimeOffset now, TimeSpan keep) => Sequence == 0
        ? now - DateTimeOffset.FromUnixTimeSeconds(Mark) < keep
        : at is not null && Behind(at) == this;

    /// <summary>Opens what <see cref="ToText"/> made.</summary>
    /// <returns>False for any other text.</returns>
    public static bool TryRead(string text, byte[] key, [NotNullWhen(true)] out ChangeCursor cursor)
    {
        cursor = default;
        Span<byte> closed = stackalloc byte[NonceBytes + ClearBytes + TagBytes];
        if (!Base64Url.IsValid(text, out var length) || length != closed.Length || !Base64Url.TryDecodeFromChars(text, closed, out length) || length != closed.Length)
        {
            return false;
        }

        Span<byte> clear = stackalloc byte[ClearBytes];
        try
        {
            using var cipher = new AesGcm(key, TagBytes);
            cipher.Decrypt(closed[..NonceBytes], closed.Slice(NonceBytes, ClearBytes), closed[^TagBytes..], clear);
        }
        catch (CryptographicException)
        {
            return false;
        }

        cursor = new ChangeCursor(BinaryPrimitives.ReadInt64LittleEndian(clear), BinaryPrimitives.ReadInt64LittleEndian(clear[8..]));
        return cursor.Sequence >= 0;
    }

    /// <summary>What a caller gets.</summary>
    public string ToText(byte[] key)
    {
        Span<byte> clear = stackalloc byte[ClearBytes];
        BinaryPrimitives.WriteInt64LittleEndian(clear, Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(clear[8..], Mark);
        Span<byte> closed = stackalloc byte[NonceBytes + ClearBytes + TagBytes];
        RandomNumberGenerator.Fill(closed[..NonceBytes]);
        using var cipher = new AesGcm(key, TagBytes);
        cipher.Encrypt(closed[..NonceBytes], clear, closed.Slice(NonceBytes, ClearBytes), closed[^TagBytes..]);
        return Base64Url.EncodeToString(closed);
    }
}
