using System.Buffers.Binary;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace GlanceGateway.Fuse;

// A mount, and what its next server has to know of the earlier ones.
//
// The record of it is written into a file in memory at each change, so that the descriptor store holds the newest state without being told again. A
// process that is killed never leaves half a record: the new one goes beside the old one, and then eight bytes say which of the two counts. Who serves is in the
// room before both, zeros if an older keeper wrote it.

/// <summary>A mount that the keeper holds. The keeper's lock guards it.</summary>
internal sealed class HeldMount : IDisposable
{
    private const int LastServerAt = 64;
    private const int LastServerBytes = 16;
    private const int FirstSlot = 4096;
    private const int SlotBytes = 2 * KeeperProtocol.AnswerBytes;

    private readonly SafeFileHandle _record;
    private int _slot;

    private HeldMount(string name, FuseMount mount, uint user, SafeFileHandle record)
    {
        Name = name;
        Mount = mount;
        User = user;
        _record = record;
    }

    /// <summary>Its name in the descriptor store.</summary>
    internal string Name { get; }

    internal FuseMount Mount { get; }

    /// <summary>Whether it outlives the keeper, in the descriptor store.</summary>
    internal bool IsStored { get; private set; }

    /// <summary>For whom it was mounted.</summary>
    internal uint User { get; }

    /// <summary>How many servers it has had.</summary>
    internal uint Generation { get; set; }

    /// <summary>In the order in which they were made. A node has two at most for a moment, while an older one is closed; the later one counts.</summary>
    internal List<KeptRegistration> Registrations { get; } = [];

    /// <summary>Who serves it; null when nobody does.</summary>
    internal KeeperConnection? Server { get; set; }

    /// <summary>Who serves it, or did so last. While that process runs nobody else may: it has the device, and comes back if its connection broke.</summary>
    internal ServingProcess LastServer { get; private set; }

    /// <summary>When its last server went, as a time stamp.</summary>
    internal long UnservedSince { get; set; }

    /// <summary>Whether a successor can go on: what the last server had read must come again.</summary>
    internal bool CanBeTakenOver => (Mount.Negotiation.Flags & FuseAbilities.HasResend) != FuseAbilities.None;

    internal static HeldMount Create(FuseMount mount, uint user, DescriptorStore? store)
    {
        string name = "glance-" + Guid.NewGuid().ToString("N")[..12];
        int record = Libc.CreateMemoryFile("glance-keeper", Libc.MemoryFileCloseOnExec);
        if (record < 0)
        {
            throw new FuseMountException($"No memory for the record of a mount ({Libc.LastError}).", Libc.LastError);
        }

        HeldMount held = new(name, mount, user, new SafeFileHandle(record, ownsHandle: true));
        held.Write();
        held.IsStored = store?.Put(name, mount.Device, held._record) ?? false;
        return held;
    }

    /// <summary>Takes up what another process stored.</summary>
    /// <returns>Null when it is not a mount and its record, or the mount is dead. The handles are this method's.</returns>
    internal static HeldMount? Restore(string name, IEnumerable<SafeFileHandle> stored, bool isStored, ILogger logger)
    {
        SafeFileHandle? device = null;
        SafeFileHandle? record = null;
        foreach (SafeFileHandle handle in stored)
        {
            string target = new FileInfo($"/proc/self/fd/{handle.DangerousGetHandle()}").LinkTarget ?? "";
            ref SafeFileHandle? place = ref record;
            if (target == "/dev/fuse")
            {
                place = ref device;
            }

            place?.Dispose();
            place = handle;
        }

        HeldMount? held = device is not null && record is not null ? Read(name, device, record, isStored, logger) : null;
        if (held is null || held.Mount.IsDead)
        {
            device?.Dispose();
            record?.Dispose();
            return null;
        }

        return held;
    }

    /// <summary>Writes down what changed.</summary>
    internal void Write()
    {
        KeeperWriter writer = new();
        writer.Text(Mount.MountPoint).U32((uint)(Mount.Number?.Major ?? 0)).U32((uint)(Mount.Number?.Minor ?? 0)).U32(User).U32(Generation);
        WriteState(writer);
        byte[] state = writer.ToArray();
        int next = 1 - _slot;
        RandomAccess.Write(_record, state, FirstSlot + (next * SlotBytes));
        Span<byte> head = stackalloc byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(head, next);
        BinaryPrimitives.WriteInt32LittleEndian(head[4..], state.Length);
        RandomAccess.Write(_record, head, 0);
        _slot = next;
    }

    /// <summary>Writes down who serves it from now on.</summary>
    internal void WriteServer(ServingProcess server)
    {
        LastServer = server;
        Span<byte> bytes = stackalloc byte[LastServerBytes];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, server.Id);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], server.Started);
        RandomAccess.Write(_record, bytes, LastServerAt);
    }

    /// <summary>What INIT settled, and the registrations.</summary>
    internal void WriteState(KeeperWriter writer)
    {
        FuseNegotiation negotiation = Mount.Negotiation;
        writer.U32((uint)negotiation.Minor).U64((ulong)negotiation.Flags).U32((uint)negotiation.MaxReadBytes).U32((uint)Registrations.Count);
        foreach (KeptRegistration registration in Registrations)
        {
            writer.U64(registration.Node).U32((uint)registration.BackingId);
        }
    }

    /// <summary>Reads what <see cref="WriteState"/> wrote.</summary>
    internal static (FuseNegotiation Negotiation, List<KeptRegistration> Registrations) ReadState(ref KeeperReader reader)
    {
        FuseNegotiation negotiation = new((int)reader.U32(), (FuseAbilities)reader.U64(), (int)reader.U32());
        List<KeptRegistration> registrations = [];
        for (uint count = reader.U32(); count > 0 && !reader.HasFailed; count--)
        {
            registrations.Add(new KeptRegistration(reader.U64(), (int)reader.U32()));
        }

        return (negotiation, registrations);
    }

    /// <summary>Closes the device. Without another process that has it the connection ends.</summary>
    public void Dispose()
    {
        Mount.Dispose();
        _record.Dispose();
    }

    private static HeldMount? Read(string name, SafeFileHandle device, SafeFileHandle record, bool isStored, ILogger logger)
    {
        byte[] head = new byte[8];
        byte[] state = new byte[SlotBytes];
        if (RandomAccess.Read(record, head, 0) != head.Length)
        {
            return null;
        }

        int slot = BinaryPrimitives.ReadInt32LittleEndian(head);
        int length = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(4));
        if (slot is not (0 or 1) || length is < 0 or > SlotBytes || RandomAccess.Read(record, state.AsSpan(0, length), FirstSlot + (slot * SlotBytes)) != length)
        {
            return null;
        }

        KeeperReader reader = new(state.AsSpan(0, length));
        string mountPoint = reader.Text();
        (int Major, int Minor) number = ((int)reader.U32(), (int)reader.U32());
        uint user = reader.U32();
        uint generation = reader.U32();
        (FuseNegotiation negotiation, List<KeptRegistration> registrations) = ReadState(ref reader);
        if (!reader.IsWhole)
        {
            return null;
        }

        FuseMount mount = FuseMount.Restore(device, mountPoint, number is (0, 0) ? null : number, negotiation, logger);
        byte[] server = new byte[LastServerBytes];
        _ = RandomAccess.Read(record, server, LastServerAt);
        HeldMount held = new(name, mount, user, record)
        {
            IsStored = isStored,
            Generation = generation,
            LastServer = new ServingProcess((int)BinaryPrimitives.ReadInt64LittleEndian(server), BinaryPrimitives.ReadUInt64LittleEndian(server.AsSpan(8))),
            _slot = slot,
        };
        held.Registrations.AddRange(registrations);
        return held;
    }
}
