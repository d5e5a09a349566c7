using System.Diagnostics;
using GlanceGateway.Fuse;
using Microsoft.Extensions.Logging;

namespace GlanceGateway.View;

/// <summary>Opening and reading images.</summary>
internal sealed partial class ImageFileSystem
{
    private static readonly TimeSpan s_findPeriod = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc/>
    public override Errno Open(in FuseCaller caller, ulong node, out OpenReply reply)
    {
        reply = OpenReply.Pending;
        if (!tree.TryGet(node, out Node? known))
        {
            return _succession.MayBeInherited(node) ? Errno.None : Errno.ENOENT;
        }

        if (known is TextNode text)
        {
            reply = text.IsLive ? OpenReply.Direct(_succession.Generation) : OpenReply.Fresh(_succession.Generation);
            return Errno.None;
        }

        if (known is not ImageNode image)
        {
            return Errno.EISDIR;
        }

        if (image is { IsInherited: true, IsGone: true })
        {
            return Errno.ENOENT;
        }

        if (open.TryEnter(image, out OpenReply ready))
        {
            reply = ready;
        }

        return Errno.None;
    }

    /// <inheritdoc/>
    public override async ValueTask<OpenOutcome> OpenAsync(FuseCaller caller, ulong node, CancellationToken cancellationToken)
    {
        if (await FindAsync(node, cancellationToken) is not ImageNode image || image is { IsInherited: true, IsGone: true })
        {
            return OpenOutcome.Failed(Errno.ENOENT);
        }

        try
        {
            return await open.EnterAsync(image, cancellationToken) is { } reply ? OpenOutcome.Done(reply) : OpenOutcome.Failed(Errno.ENOENT);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Errno error = Failure.ToErrno(e);
            ViewLog.OpenFailed(logger, e, image.Image.Id, error);
            return OpenOutcome.Failed(error);
        }
    }

    /// <inheritdoc/>
    public override void Release(ulong node, ulong handle) 
    {
        // A handle of an earlier server was never counted here.
        if (handle == _succession.Generation)
        {
            open.Leave(node);
        }
    }

    /// <inheritdoc/>
    public override ReadOutcome TryRead(in ReadRequest request, Span<byte> destination)
    {
        if (!open.TryGet(request.Node, out OpenImage? image))
        {
            return tree.TryGet(request.Node, out Node? node) && node is TextNode text ? ReadText(text, request.Offset, destination)
                : _succession.MayBeInherited(request.Node) ? ReadOutcome.Pending
                : ReadOutcome.Failed(Errno.EBADF);
        }

        if (request.Offset >= image.Size)
        {
            return ReadOutcome.Done(0);
        }

        if (image.File is not { } file)
        {
            return ReadOutcome.Pending;
        }

        Span<byte> wanted = destination[..(int)Math.Min(destination.Length, image.Size - request.Offset)];
        int count = 0;
        try
        {
            while (count < wanted.Length && RandomAccess.Read(file, wanted[count..], request.Offset + count) is > 0 and var got)
            {
                count += got;
            }
        }
        catch (Exception e)
        {
            return FailRead(e, image, request.Offset);
        }

        return Finish(image, request.Offset, count, wanted.Length);
    }

    /// <inheritdoc/>
    public override async ValueTask<ReadOutcome> ReadAsync(ReadRequest request, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (!open.TryGet(request.Node, out OpenImage? image))
        {
            (image, Errno error) = await InheritAsync(request.Node, cancellationToken);
            if (image is null)
            {
                return ReadOutcome.Failed(error);
            }

            if (request.Offset >= image.Size)
            {
                return ReadOutcome.Done(0);
            }
        }

        Memory<byte> wanted = destination[..(int)Math.Min(destination.Length, image.Size - request.Offset)];
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.SourceTimeout);
        try
        {
            int count = await image.Source.ReadAsync(request.Offset, wanted, deadline.Token);
            return Finish(image, request.Offset, count, wanted.Length);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return FailRead(e, image, request.Offset);
        }
    }

    /// <inheritdoc/>
    public override Errno Seek(in FuseCaller caller, ulong node, ulong handle, long offset, SeekKind kind, out long result)
    {
        result = 0;
        if (open.TryGet(node, out OpenImage? image))
        {
            return Holes.Seek(image.Source, image.Size, offset, kind, out result);
        }

        // Nothing may wait here, and the holes of what is not open yet are not known: it counts as data.
        return _succession.MayBeInherited(node) && tree.TryGet(node, out Node? known) && known is ImageNode unopened
            ? Holes.SeekUnopened(unopened.Size, offset, kind, out result)
            : Errno.EBADF;
    }

    /// <summary>The node of a number; one that an earlier server gave out is waited for, since the catalogue may not be complete yet.</summary>
    private async ValueTask<Node?> FindAsync(ulong number, CancellationToken cancellationToken)
    {
        long begun = Stopwatch.GetTimestamp();
        Node? node;
        while (!tree.TryGet(number, out node) && _succession.MayBeInherited(number) && !IsComplete() && Stopwatch.GetElapsedTime(begun) < options.SourceTimeout)
        {
            await Task.Delay(s_findPeriod, cancellationToken);
        }

        return node;
    }

    /// <summary>Opens what an earlier server had open.</summary>
    private async ValueTask<(OpenImage? Image, Errno Error)> InheritAsync(ulong number, CancellationToken cancellationToken)
    {
        if (!_succession.MayBeInherited(number))
        {
            return (null, Errno.EBADF);
        }

        Node? found = await FindAsync(number, cancellationToken);
        if (found is null)
        {
            // Deleted after this server began, and remembered no longer.
            await LoadDeletedAsync(cancellationToken);
            _ = tree.TryGet(number, out found);
        }

        if (found is not ImageNode node)
        {
            ViewLog.InheritedUnknown(logger, number);
            return (null, Errno.EIO);
        }

        try
        {
            return (await open.InheritAsync(node, cancellationToken), Errno.EIO);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Errno error = Failure.ToErrno(e);
            ViewLog.OpenFailed(logger, e, node.Image.Id, error);
            return (null, error);
        }
    }

    private static ReadOutcome ReadText(TextNode node, long offset, Span<byte> destination)
    {
        byte[] text = node.Text(offset);
        ReadOnlySpan<byte> rest = text.AsSpan((int)Math.Min(offset, text.Length));
        rest = rest[..Math.Min(rest.Length, destination.Length)];
        rest.CopyTo(destination);
        return ReadOutcome.Done(rest.Length);
    }

    private ReadOutcome Finish(OpenImage image, long offset, int count, int wanted)
    {
        open.CountRead(count == wanted ? count : -1);
        if (count == wanted)
        {
            return ReadOutcome.Done(count);
        }

        // The kernel would fill the rest with zeros and a guest would boot from them.
        ViewLog.ReadShort(logger, image.Node.Image.Id, offset + count, image.Size);
        return ReadOutcome.Failed(Errno.EIO);
    }

    private ReadOutcome FailRead(Exception exception, OpenImage image, long offset)
    {
        open.CountRead(-1);
        Errno error = Failure.ToErrno(exception);
        ViewLog.ReadFailed(logger, exception, image.Node.Image.Id, offset, error);
        return ReadOutcome.Failed(error);
    }
}
