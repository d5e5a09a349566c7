using System.Buffers;
using System.IO.Pipelines;
using GlanceGateway.Abstractions;
using GlanceGateway.Formats;

namespace GlanceGateway.Images;

/// <summary>What came through an upload.</summary>
internal sealed record UploadedData(long Size, string Md5, string Sha512, InspectionResult Content);

/// <summary>
/// The way of a byte into a store.
/// </summary>
/// <remarks>
/// The request's pipe hands out small segments; they are gathered into a buffer, on a page's boundary, of the size in which the driver likes to write. A full
/// buffer goes to both hashes, the format inspection and the driver at the same time, while the next one is being filled: two buffers in all, so memory per
/// transfer is twice <see cref="IStoreWriter.PreferredWriteSize"/> whatever the image's size. Invariants:
/// <list type="bullet">
/// <item>a buffer is not touched again before the hashes and the driver are done with it;</item>
/// <item>the driver sees bytes in order, all of them, as data or as zeros;</item>
/// <item>the size cap and the declared size are checked before a byte beyond them is handed to the driver;</item>
/// <item>no byte for the stall time-out ends the transfer; a slow sender does not.</item>
/// </list>
/// </remarks>
internal sealed class UploadPipeline(ImageOptions options, TimeProvider time)
{
    /// <summary>Reads a body to its end into a writer, without committing.</summary>
    /// <param name="body">The bytes.</param>
    /// <param name="declaredSize">How many, when it is known.</param>
    /// <param name="writer">Takes them.</param>
    /// <param name="reserve">Called with the number of bytes from the beginning before the last of them are written: throws when there is no
    /// room for them. Null for none.</param>
    /// <param name="signature">What the bytes must be signed with; null for nothing. Not disposed.</param>
    /// <param name="cancellationToken">Ends the transfer.</param>
    /// <exception cref="ImageException">Its signature is not one of the body; or the body is too large, not as large as declared, or stalled, or the store refuses it.</exception>
    public async Task<UploadedData> RunAsync(
        PipeReader body,
        long? declaredSize,
        IStoreWriter writer,
        Func<long, CancellationToken, ValueTask>? reserve,
        SignatureCheck? signature,
        CancellationToken cancellationToken)
    {
        var limit = Math.Min(declaredSize ?? options.SizeCap, options.SizeCap);
        var filling = TransferBuffer.Rent(writer.PreferredWriteSize);
        var writing = TransferBuffer.Rent(writer.PreferredWriteSize);
        var inFlight = Task.CompletedTask;
        using var hasher = new DataHasher(signature);
        var inspector = new FormatInspector();
        using var stall = new StallTimer(options.StallTimeout, time, cancellationToken);
        try
        {
            long size = 0;
            var ended = false;
            while (!ended)
            {
                (var filled, ended) = await FillAsync(body, filling.Memory, stall);
                size += filled;
                if (size > limit)
                {
                    throw size > options.SizeCap
                        ? new ImageException(ImageError.TooLarge, $"Image exceeds the maximum allowed size of {options.SizeCap} bytes.")
                        : WrongSize(declaredSize, "more");
                }

                if (reserve is not null)
                {
                    await reserve(size, cancellationToken);
                }

                await inFlight;
                (filling, writing) = (writing, filling);
                inFlight = filled == 0 ? Task.CompletedTask : StoreAsync(writing.Memory[..filled], hasher, inspector, writer, cancellationToken);
            }

            await inFlight;
            if (declaredSize is { } declared && size != declared)
            {
                throw WrongSize(declared, size.ToString());
            }

            var (md5, sha512) = hasher.Finish();
            signature?.Require(sha512);
            return new UploadedData(size, md5, sha512, inspector.Complete());
        }
        finally
        {
            // The buffers may go back only after nobody reads them any more.
            await inFlight.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            filling.Dispose();
            writing.Dispose();
        }
    }

    private static ImageException WrongSize(long? declared, string came) =>
        new(ImageError.Invalid, $"The size of the data does not match: {declared} bytes were announced, {came} came.");

    private static async Task<(int Filled, bool Ended)> FillAsync(PipeReader body, Memory<byte> buffer, StallTimer stall)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            var result = await stall.WatchAsync(body.ReadAsync);
            var data = result.Buffer;
            if (data.Length > buffer.Length - filled)
            {
                data = data.Slice(0, buffer.Length - filled);
            }

            data.CopyTo(buffer.Span[filled..]);
            filled += (int)data.Length;
            body.AdvanceTo(data.End);
            if (result.IsCompleted && data.Length == result.Buffer.Length)
            {
                return (filled, Ended: true);
            }
        }

        return (filled, Ended: false);
    }

    private static async Task StoreAsync(
        ReadOnlyMemory<byte> data, DataHasher hasher, FormatInspector inspector, IStoreWriter writer, CancellationToken cancellationToken)
    {
        var hashing = hasher.AppendAsync(data);
        try
        {
            inspector.Append(data.Span);
            var outcome = data.Span.ContainsAnyExcept((byte)0)
                ? await writer.WriteAsync(data, cancellationToken)
                : await writer.WriteZerosAsync(data.Length, cancellationToken);
            StoreRefusals.Require(outcome);
        }
        finally
        {
            await hashing;
        }
    }
}
