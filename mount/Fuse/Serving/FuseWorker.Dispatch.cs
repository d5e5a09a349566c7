using System.Runtime.InteropServices;

namespace GlanceGateway.Fuse;

/// <summary>From a request to the filesystem and back.</summary>
internal sealed unsafe partial class FuseWorker
{
    private void Dispatch(in InHeader header, FuseOpcode opcode, ReadOnlySpan<byte> body)
    {
        FuseCaller caller = new(header.Uid, header.Gid, header.Pid);
        bool understood = true;
        switch (opcode)
        {
            case FuseOpcode.Read:
                understood = Read(header, caller, body);
                break;
            case FuseOpcode.Lookup:
                understood = Lookup(header, caller, body);
                break;
            case FuseOpcode.GetAttr:
                GetAttributes(header, caller);
                break;
            case FuseOpcode.Open or FuseOpcode.OpenDir:
                understood = Open(header, caller, body);
                break;
            case FuseOpcode.Release or FuseOpcode.ReleaseDir:
                understood = Release(header, body);
                break;
            case FuseOpcode.ReadDir or FuseOpcode.ReadDirPlus:
                understood = ReadDirectory(header, caller, body);
                break;
            case FuseOpcode.ReadLink:
                ReadLink(header, caller);
                break;
            case FuseOpcode.GetXattr or FuseOpcode.ListXattr:
                understood = ReadXattr(header, caller, body);
                break;
            case FuseOpcode.StatFs:
                StatFs(header, caller);
                break;
            case FuseOpcode.LSeek:
                understood = Seek(header, caller, body);
                break;
            case FuseOpcode.Forget or FuseOpcode.BatchForget:
                understood = Forget(header, body);
                break;
            case FuseOpcode.Interrupt:
                understood = Interrupt(header, body);
                break;
            case FuseOpcode.Flush or FuseOpcode.FSync or FuseOpcode.FSyncDir or FuseOpcode.Destroy:
                Answer(header, Errno.None);
                break;
            case FuseOpcode.IoCtl:
                Answer(header, Errno.ENOTTY);
                break;
            case FuseOpcode.SetAttr or FuseOpcode.SymLink or FuseOpcode.MkNod or FuseOpcode.MkDir or FuseOpcode.Unlink
                or FuseOpcode.RmDir or FuseOpcode.Rename or FuseOpcode.Rename2 or FuseOpcode.Link or FuseOpcode.Write
                or FuseOpcode.SetXattr or FuseOpcode.RemoveXattr or FuseOpcode.Create or FuseOpcode.FAllocate
                or FuseOpcode.CopyFileRange or FuseOpcode.TmpFile:
                Answer(header, Errno.EROFS);
                break;
            default:
                // POLL, ACCESS, STATX, BMAP, locks and whatever comes later: the kernel stops asking and does without.
                Answer(header, Errno.ENOSYS);
                break;
        }

        if (!understood)
        {
            Refuse(header, body.Length + sizeof(InHeader));
        }
    }

    private bool Read(in InHeader header, in FuseCaller caller, ReadOnlySpan<byte> body)
    {
        if (!MemoryMarshal.TryRead(body, out ReadIn read) || read.Offset > long.MaxValue || read.Size > 1 << 28)
        {
            return false;
        }

        int size = (int)read.Size;
        ReadRequest request = new(header.Node, read.Handle, (long)read.Offset, size, caller);
        if (size == 0)
        {
            Answer(header, Errno.None);
            return true;
        }

        // The kernel never asks for more than was negotiated; should it, the pool has buffers of any size.
        ReadOutcome outcome = size <= _reply.Capacity ? _files.TryRead(request, new Span<byte>(_reply.Address, size)) : ReadOutcome.Pending;
        if (outcome.IsPending)
        {
            _answered = true;
            _session.Queue(new PendingRead(_session, header.Unique, request));
            return true;
        }

        if (outcome.Error != Errno.None || outcome.Count > size)
        {
            Answer(header, outcome.Error == Errno.None ? Errno.EIO : outcome.Error);
            return true;
        }

        _ = AnswerBuffer(header, outcome.Count);
        return true;
    }

    private bool Lookup(in InHeader header, in FuseCaller caller, ReadOnlySpan<byte> body)
    {
        int end = body.IndexOf((byte)0);
        if (end <= 0)
        {
            return false;
        }

        // The kernel passes on names up to PATH_MAX.
        if (end > Wire.LongestName)
        {
            Answer(header, Errno.ENAMETOOLONG);
            return true;
        }

        Errno error = _files.Lookup(caller, header.Node, body[..end], out NodeEntry entry);
        if (error != Errno.None)
        {
            Answer(header, error);
            return true;
        }

        EntryOut reply = default;
        entry.Write(ref reply);
        if (Answer(header, reply) == Errno.ENOENT && entry.Node != 0)
        {
            _files.Forget(entry.Node, 1);
        }

        return true;
    }

    private bool Forget(in InHeader header, ReadOnlySpan<byte> body)
    {
        if ((FuseOpcode)header.Opcode == FuseOpcode.Forget)
        {
            if (!MemoryMarshal.TryRead(body, out ForgetIn one))
            {
                return false;
            }

            _files.Forget(header.Node, one.Lookups);
            return true;
        }

        if (!MemoryMarshal.TryRead(body, out BatchForgetIn batch))
        {
            return false;
        }

        ReadOnlySpan<byte> rest = body[sizeof(BatchForgetIn)..];
        for (uint i = 0; i < batch.Count; i++)
        {
            if (!MemoryMarshal.TryRead(rest, out ForgetOne one))
            {
                return false;
            }

            _files.Forget(one.Node, one.Lookups);
            rest = rest[sizeof(ForgetOne)..];
        }

        return true;
    }

    private void GetAttributes(in InHeader header, in FuseCaller caller)
    {
        Errno error = _files.GetAttributes(caller, header.Node, out NodeAttributes attributes, out TimeSpan validity);
        if (error != Errno.None)
        {
            Answer(header, error);
            return;
        }

        AttrOut reply = default;
        (reply.Valid, reply.ValidNanoseconds) = Wire.Split(validity);
        attributes.Write(ref reply.Attr);
        _ = Answer(header, reply);
    }

    private void ReadLink(in InHeader header, in FuseCaller caller)
    {
        Errno error = _files.ReadLink(caller, header.Node, out ReadOnlyMemory<byte> target);
        if (error == Errno.None && target.IsEmpty)
        {
            error = Errno.EIO;
        }

        if (error != Errno.None)
        {
            Answer(header, error);
            return;
        }

        // One page is what the kernel has room for.
        AnswerBytes(header, target.Span[..Math.Min(target.Length, 4095)]);
    }

    private bool Open(in InHeader header, in FuseCaller caller, ReadOnlySpan<byte> body)
    {
        const uint AccessMode = 3; // O_ACCMODE; 0 is O_RDONLY
        const uint Truncate = 0x200; // O_TRUNC
        if (!MemoryMarshal.TryRead(body, out OpenIn open))
        {
            return false;
        }

        bool directory = (FuseOpcode)header.Opcode == FuseOpcode.OpenDir;
        if (!directory && ((open.Flags & AccessMode) != 0 || (open.Flags & Truncate) != 0))
        {
            Answer(header, Errno.EROFS);
            return true;
        }

        Errno error = directory
            ? _files.OpenDirectory(caller, header.Node, out OpenReply reply)
            : _files.Open(caller, header.Node, out reply);
        if (error != Errno.None)
        {
            Answer(header, error);
            return true;
        }

        if (reply.IsPending && !directory)
        {
            _answered = true;
            _session.Queue(new PendingOpen(_session, header.Unique, header.Node, caller));
        }
        else
        {
            _session.ReplyOpen(header.Unique, header.Node, OpenOutcome.Done(reply), directory);
            _answered = true;
        }

        return true;
    }

    private bool Release(in InHeader header, ReadOnlySpan<byte> body)
    {
        if (!MemoryMarshal.TryRead(body, out ReleaseIn release))
        {
            return false;
        }

        _session.Release(header.Node, release.Handle, (FuseOpcode)header.Opcode == FuseOpcode.ReleaseDir);
        Answer(header, Errno.None);
        return true;
    }

    private bool ReadDirectory(in InHeader header, in FuseCaller caller, ReadOnlySpan<byte> body)
    {
        if (!MemoryMarshal.TryRead(body, out ReadIn read))
        {
            return false;
        }

        bool plus = (FuseOpcode)header.Opcode == FuseOpcode.ReadDirPlus;
        DirectoryWriter page = new(new Span<byte>(_reply.Address, (int)Math.Min(read.Size, (uint)_reply.Capacity)), plus);
        Errno error = _files.ReadDirectory(caller, header.Node, read.Handle, read.Offset, ref page);
        if (error == Errno.None && page is { Written: 0, Overflowed: true })
        {
            // Not even one entry fits: an empty page would read as the end of the directory.
            error = Errno.EINVAL;
        }

        if (error != Errno.None)
        {
            TakeBackEntries(plus, page.Written);
            Answer(header, error);
        }
        else if (AnswerBuffer(header, page.Written) == Errno.ENOENT)
        {
            TakeBackEntries(plus, page.Written);
        }

        return true;
    }

    /// <summary>Gives back the lookups of a page that did not reach the kernel.</summary>
    private void TakeBackEntries(bool plus, int length)
    {
        ReadOnlySpan<byte> rest = new(_reply.Address, length);
        while (plus && MemoryMarshal.TryRead(rest, out DirEntryPlus entry))
        {
            if (entry.Entry.Node != 0)
            {
                _files.Forget(entry.Entry.Node, 1);
            }

            rest = rest[((sizeof(DirEntryPlus) + (int)entry.Head.NameLength + 7) & ~7)..];
        }
    }

    private void StatFs(in InHeader header, in FuseCaller caller)
    {
        Errno error = _files.GetStatistics(caller, header.Node, out FileSystemStatistics statistics);
        if (error != Errno.None)
        {
            Answer(header, error);
            return;
        }

        _ = Answer(header, statistics.ToWire());
    }

    private bool ReadXattr(in InHeader header, in FuseCaller caller, ReadOnlySpan<byte> body)
    {
        if (!MemoryMarshal.TryRead(body, out XattrIn wanted))
        {
            return false;
        }

        Errno error;
        ReadOnlyMemory<byte> value;
        if ((FuseOpcode)header.Opcode == FuseOpcode.ListXattr)
        {
            error = _files.ListXattr(caller, header.Node, out value);
        }
        else
        {
            ReadOnlySpan<byte> name = body[sizeof(XattrIn)..];
            int end = name.IndexOf((byte)0);
            if (end <= 0)
            {
                return false;
            }

            error = _files.GetXattr(caller, header.Node, name[..end], out value);
        }

        if (error == Errno.None && wanted.Size != 0 && value.Length > wanted.Size)
        {
            error = Errno.ERANGE;
        }

        if (error != Errno.None)
        {
            Answer(header, error);
        }
        else if (wanted.Size == 0)
        {
            // A probe for the size.
            _ = Answer(header, new XattrOut { Size = (uint)value.Length });
        }
        else
        {
            AnswerBytes(header, value.Span);
        }

        return true;
    }

    private bool Seek(in InHeader header, in FuseCaller caller, ReadOnlySpan<byte> body)
    {
        if (!MemoryMarshal.TryRead(body, out SeekIn seek))
        {
            return false;
        }

        SeekKind kind = (SeekKind)seek.Whence;
        long result = 0;
        Errno error = kind is not (SeekKind.Data or SeekKind.Hole) ? Errno.EINVAL
            : seek.Offset > long.MaxValue ? Errno.ENXIO
            : _files.Seek(caller, header.Node, seek.Handle, (long)seek.Offset, kind, out result);
        if (error != Errno.None)
        {
            Answer(header, error);
            return true;
        }

        _ = Answer(header, new SeekOut { Offset = (ulong)result });
        return true;
    }

    private bool Interrupt(in InHeader header, ReadOnlySpan<byte> body)
    {
        if (!MemoryMarshal.TryRead(body, out InterruptIn interrupt))
        {
            return false;
        }

        if (!_session.Interrupt(interrupt.Unique))
        {
            Answer(header, Errno.EAGAIN);
        }

        return true;
    }
}
